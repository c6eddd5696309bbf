// A process that measures: it is told a module of this folder, whose `measure` it calls for each message.
const { measure } = await import(`./${process.argv[2]}.mjs`);

process.on("message", async (task) => {
  try {
    process.send({ result: await measure(task) });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});

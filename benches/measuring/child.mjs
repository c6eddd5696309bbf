// A process that measures: it is told the address of a module, whose `measure` it calls for each message.
const { measure } = await import(process.argv[2]);

process.on("message", async (task) => {
  try {
    process.send({ result: await measure(task) });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});

// Whoever asked is gone.
process.on("disconnect", () => process.exit());

// The package through `require`, which Node has for ES modules since 22.
const { SessionStorageMemory, generateSessionId } = require("sessile");
const session = require("sessile/express-session");
const { testSessionStorage } = require("sessile/testing");

const failures = [];
process.on("warning", (warning) => failures.push(warning));

async function main() {
  const storage = new SessionStorageMemory();
  const id = generateSessionId();
  await storage.setJson(id, { by: "require" });
  const value = await storage.getJson(id);
  if (value?.by !== "require") failures.push(new Error(`read ${JSON.stringify(value)}`));
  if (typeof testSessionStorage !== "function") failures.push(new Error("sessile/testing is empty"));
  if (typeof session !== "function" || typeof session.Store !== "function") {
    failures.push(new Error("sessile/express-session is not the function that express-session is"));
  }
  const imported = await import("sessile");
  if (imported.SessionStorageMemory !== SessionStorageMemory)
    failures.push(new Error("import loads it twice"));
  const { version } = require("sessile/package.json");
  if (typeof version !== "string") failures.push(new Error("sessile/package.json has no version"));
}

main()
  .catch((error) => failures.push(error))
  .finally(() => {
    for (const failure of failures) console.log("FAILED", failure);
    console.log(
      `#counts ${JSON.stringify({ passed: failures.length === 0 ? 1 : 0, failed: failures.length })}`,
    );
    process.exitCode = failures.length === 0 ? 0 : 1;
  });

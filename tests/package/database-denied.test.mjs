// Pages that may keep nothing: those without an origin, and those to which the browser denies its databases.
import { DirectoryStorage } from "sessile";
import { equal, matches, rejection } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const CALLS = ["get", "set", "write", "invalidate", "sweep"];

/** Calls a storage within a frame that has no origin, and answers what each call fails with: `[code, message]`. */
async function withoutOrigin() {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  const script = `
    const { DirectoryStorage } = await import(${JSON.stringify(import.meta.resolve("sessile"))});
    const failures = {};
    try {
      const storage = new DirectoryStorage("sessions");
      for (const call of ${JSON.stringify(CALLS)}) {
        await storage[call]("id", call === "set" ? "content" : () => undefined).then(
          () => (failures[call] = ["none"]),
          (error) => (failures[call] = [error.code, error.message]),
        );
      }
    } catch (error) {
      failures.all = [error.code, error.message];
    }
    parent.postMessage(failures, "*");`;
  frame.srcdoc = `<!doctype html><script type="module">${script}</script>`;
  const told = new Promise((resolve) => {
    addEventListener("message", function listen({ data, source }) {
      if (source !== frame.contentWindow) return;
      removeEventListener("message", listen);
      resolve(data);
    });
  });
  document.body.append(frame);
  try {
    return await told;
  } finally {
    frame.remove();
  }
}

/** Calls `work` while opening a database does this. */
async function whileOpening(open, work) {
  const own = IDBFactory.prototype.open;
  IDBFactory.prototype.open = open;
  try {
    await work(new DirectoryStorage("denied"));
  } finally {
    IDBFactory.prototype.open = own;
  }
}

/** A request for a database that fails with an exception of this name. */
function failing(name) {
  return {
    error: new DOMException("said by the test", name),
    set onerror(listener) {
      if (listener) queueMicrotask(() => listener({ type: "error", target: this, currentTarget: this }));
    },
  };
}

describe("a page that is denied its databases", () => {
  it("is told so where it has no origin", async () => {
    const failures = await withoutOrigin();
    for (const call of CALLS) {
      const [code, message] = failures[call] ?? ["no answer", JSON.stringify(failures)];
      equal(code, "ERR_SESSION_UNSUPPORTED", `code of ${call}: ${message}`);
    }
  });

  it("is told so where opening throws", async () => {
    const denied = () => {
      throw new DOMException("said by the test", "SecurityError");
    };
    await whileOpening(denied, async (storage) => {
      for (const call of [() => storage.get("id"), () => storage.set("id", "content")]) {
        const error = await rejection(call());
        equal(error.code, "ERR_SESSION_UNSUPPORTED", "code");
        matches(error.message, /denies/, "message");
      }
    });
  });

  it("is told so where opening fails, as in some browsers' private windows", async () => {
    for (const name of ["SecurityError", "InvalidStateError", "UnknownError"]) {
      await whileOpening(
        () => failing(name),
        async (storage) => {
          for (const call of [() => storage.get("id"), () => storage.set("id", "content")]) {
            const error = await rejection(call());
            const code = name === "SecurityError" ? "ERR_SESSION_UNSUPPORTED" : "ERR_SESSION_STORAGE";
            equal(error.code, code, `code for ${name}`);
            equal(error.message.includes("said by the test"), false, "the engine's own words");
          }
        },
      );
    }
  });

  it("is let in once it may", async () => {
    const storage = new DirectoryStorage("denied at first");
    const own = IDBFactory.prototype.open;
    IDBFactory.prototype.open = () => failing("UnknownError");
    try {
      equal((await rejection(storage.get("id"))).code, "ERR_SESSION_STORAGE", "code");
    } finally {
      IDBFactory.prototype.open = own;
    }
    equal(await storage.get("id"), undefined, "content");
    await storage.close();
  });
});

// A cluster whose masters' clocks differ: until when a write may be done is told by the clock of the one that does it.
import { createHash } from "node:crypto";
import { RedisStorage } from "sessile/redis";
import { equal, rejection } from "../package/expect.mjs";
import { describe, it } from "../package/harness.mjs";

const keyOf = (id) => `sessile:{${createHash("sha256").update(id).digest("base64url")}}`;
const TIMEOUT = 60_000;
const HOUR = 3_600_000;

/** A client of two masters whose clocks are an hour apart, and what it was asked for. */
function twoMasters(told) {
  const asked = [];
  let broken = false;
  const shifts = { [keyOf("one")]: 0, [keyOf("other")]: -HOUR };
  const time = (key) => Date.now() + shifts[key];
  const client = {
    isCluster: true,
    slots: told,
    async callBuffer(name, ...args) {
      if (broken) throw new Error("the connection is gone");
      const key = String(args[2]);
      if (name === "EVAL") {
        asked.push({ key, what: "time" });
        return time(key);
      }
      // The third of a commit's arguments is what is asked, with the deadline in its second field; an invalidate's has it last.
      const last = args.at(-1);
      const deadline = args.length > 5 ? Number(last) : args[3].readDoubleLE(9);
      asked.push({ key, what: "change", left: deadline - time(key) });
      return args.length > 5 ? 1 : [time(key)];
    },
    breakOnce: () => (broken = true),
    mend: () => (broken = false),
  };
  return { client, asked };
}

/** But for what two clocks of one machine differ. */
const isInTime = ({ left }) => left > TIMEOUT / 2 && left < TIMEOUT + 1_000;

describe("a cluster whose masters' clocks are an hour apart", () => {
  for (const [what, slots] of Object.entries({
    "does not say where keys lie": undefined,
    "says so as ioredis": Array.from({ length: 16_384 }, (_, slot) => [`master of ${slot % 2}`]),
    "says so as redis": Array.from({ length: 16_384 }, (_, slot) => ({ master: { address: `${slot % 2}` } })),
  })) {
    it(`C4: gets no deadline by another's clock, from a client that ${what}`, async () => {
      const { client, asked } = twoMasters(slots);
      const storage = new RedisStorage(client, { timeout: TIMEOUT });
      for (const call of ["set", "invalidate", "set"]) {
        for (const id of ["one", "other"]) await storage[call](id, "content");
      }
      const changes = asked.filter(({ what }) => what === "change");
      equal(changes.length, 6, "how many changes");
      for (const change of changes) equal(isInTime(change), true, `${change.left} ms are left`);
      equal(asked.filter(({ what }) => what === "time").length, 2, "how often the time was asked for");
    });
  }

  it("C4: is asked again once a connection broke, since another may have taken over", async () => {
    const { client, asked } = twoMasters(undefined);
    const storage = new RedisStorage(client, { timeout: 100 });
    await storage.set("one", "content");
    client.breakOnce();
    equal((await rejection(storage.set("one", "content"))).code, "ERR_SESSION_STORAGE", "code");
    client.mend();
    await storage.set("one", "content");
    equal(asked.filter(({ what }) => what === "time").length, 2, "how often the time was asked for");
  });
});

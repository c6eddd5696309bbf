// Signed ids beside the real `cookie-signature`, both ways. For servers: it needs Node's crypto.
import { createRequire } from "node:module";
import process from "node:process";
import { Signer, generateSessionId } from "sessile";
import { equal } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

// Not installed beside the package, which has no dependencies.
const peer = createRequire(import.meta.url)(process.env.COOKIE_SIGNATURE);

const SECRETS = ["s", "keyboard cat", "clé secrète 🦀", "x".repeat(64), "x".repeat(65), "x".repeat(300)];
const IDS = ["i", "an.id", "é🦀", "\ufffd", ".", "s:", "i".repeat(1024), "é".repeat(512)];

describe("Signer beside cookie-signature", () => {
  it("makes the same text, and each takes the other's", () => {
    for (const secret of SECRETS) {
      const signer = new Signer(["the newest", secret]);
      const alone = new Signer([secret]);
      for (const id of [...IDS, ...Array.from({ length: 200 }, generateSessionId)]) {
        const ticket = `s:${peer.sign(id, secret)}`;
        equal(alone.sign(id), ticket, "the signed id");
        equal(signer.verify(ticket), id, "its signature here");
        equal(peer.unsign(alone.sign(id).slice(2), secret), id, "our signature there");
      }
    }
  });

  it("refuses what the other refuses", () => {
    const [good, foreign] = [peer.sign("an.id", "secret"), peer.sign("an.id", "another")];
    const signer = new Signer(["secret"]);
    const changed = Array.from(good, (letter, at) => {
      return good.slice(0, at) + (letter === "A" ? "B" : "A") + good.slice(at + 1);
    });
    const cuts = Array.from(good, (_, at) => [good.slice(0, at), good.slice(at + 1)]).flat();
    for (const text of [foreign, `${good}=`, `${good} `, ` ${good}`, ...changed, ...cuts]) {
      equal(peer.unsign(text, "secret"), false, `the other's answer to ${text}`);
      equal(signer.verify(`s:${text}`), undefined, `ours to ${text}`);
    }
  });
});

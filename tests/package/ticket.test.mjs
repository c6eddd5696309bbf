// What a client holds: signed ids and sealed contents.
import { Sealer, Signer, generateSessionId } from "sessile";
import { equal, same } from "./expect.mjs";
import { describe, it } from "./harness.mjs";

const OLD = "the older secret, of 32 or more bytes";
const NEW = "the newest secret, of 32 or more bytes";

/** The code of what a call throws. */
function refusal(call) {
  try {
    call();
  } catch (error) {
    return error.code ?? String(error);
  }
  return "nothing was thrown";
}

const text = (opened) => opened && new TextDecoder().decode(opened.data);

describe("Signer", () => {
  // Made with `cookie-signature` 1.2.2: secret, id, "s:" + sign(id, secret).
  const signed = [
    [
      "keyboard cat",
      "5L3LNkWHzAcSQDvWbeVzjKnCSx6UkP7b",
      "s:5L3LNkWHzAcSQDvWbeVzjKnCSx6UkP7b.KYnpNP2xr1D6brEG6VnfSnM1M0965FtFPiKTaDtfmuU",
    ],
    [
      "keyboard cat",
      "with.dots.and spaces",
      "s:with.dots.and spaces.DCbnl2igfWRn/wpvI/eC+iUYfgHoBLoHny9pwpGM9hk",
    ],
    ["clé secrète", "é🦀", "s:é🦀.S9Ya8hfjAo8s9hRt0w3Y0EvWMnkjwMWD0tjhWrm87Gk"],
    ["s", "s:nested.sig", "s:s:nested.sig.A6pgoe9JWGuB7xZJJiSwsUsu7Kgtv6E3v37w0hnluXE"],
    ["keyboard cat", "i".repeat(1024), `s:${"i".repeat(1024)}.+DPAXviDTk/VQ0MyD6LNtYi68T3cNLKkMn8PTDDMNUg`],
  ];

  it("signs and verifies as cookie-signature does", () => {
    for (const [secret, id, ticket] of signed) {
      for (const given of [secret, new TextEncoder().encode(secret)]) {
        const signer = new Signer([given]);
        equal(signer.sign(id), ticket, "the signed id");
        equal(signer.verify(ticket), id, "the id");
        same(signer.check(ticket), { id, byNewest: true }, "what is found");
      }
    }
  });

  it("verifies by all secrets, and tells the newest", () => {
    const id = generateSessionId();
    const both = new Signer([NEW, OLD]);
    const [byOld, byNew] = [new Signer([OLD]).sign(id), new Signer([NEW]).sign(id)];
    equal(both.sign(id), byNew, "the newest signs");
    same(both.check(byNew), { id, byNewest: true }, "by the newest");
    same(both.check(byOld), { id, byNewest: false }, "by the older");
    equal(new Signer([NEW]).verify(byOld), undefined, "by a secret that is not given");
  });

  it("refuses every change and every cut", () => {
    const signer = new Signer([NEW, OLD]);
    const ticket = new Signer([OLD]).sign("an.id");
    for (let at = 0; at < ticket.length; at += 1) {
      for (const letter of ["A", "B", ".", "=", "é", "\0", "🦀"]) {
        const changed = ticket.slice(0, at) + letter + ticket.slice(at + 1);
        if (changed !== ticket) equal(signer.verify(changed), undefined, `${letter} at ${at}`);
      }
      equal(signer.verify(ticket.slice(0, at)), undefined, `cut before ${at}`);
      equal(signer.verify(ticket.slice(at + 1)), undefined, `cut behind ${at}`);
    }
    equal(signer.verify(ticket), "an.id", "as it is");
  });

  it("refuses what is no signed id", () => {
    const signer = new Signer(["secret"]);
    // Rightly signed, though no id is empty.
    const empty = "s:.+eZuF5tnR65UEI+C+K3os8Jddv0wr95sOVgixTAZYWk";
    const many = "s:a.".repeat(1 << 20);
    for (const ticket of ["", "s:", "s:.", ".", empty, many, undefined, null, 17, {}, ["s:"]]) {
      equal(signer.verify(ticket), undefined, String(ticket).slice(0, 50));
      equal(signer.check(ticket), undefined, String(ticket).slice(0, 50));
    }
  });

  it("does not take a lone surrogate for the character that stands for it", () => {
    const signer = new Signer(["secret"]);
    const ticket = signer.sign("\ufffd");
    equal(signer.verify(ticket), "\ufffd", "the id");
    equal(signer.verify(ticket.replace("\ufffd", "\ud800")), undefined, "another id");
    equal(
      refusal(() => signer.sign("\ud800")),
      "ERR_SESSION_INVALID_ID",
    );
  });

  it("signs no id that no storage takes", () => {
    const signer = new Signer(["secret"]);
    for (const id of ["", "i".repeat(1025), "é".repeat(513), undefined, 17]) {
      equal(
        refusal(() => signer.sign(id)),
        "ERR_SESSION_INVALID_ID",
      );
    }
    equal(signer.verify(signer.sign("an id")), "an id", "afterwards");
  });

  it("refuses secrets that are none when it is made", () => {
    for (const secrets of [
      undefined,
      [],
      "a secret",
      [""],
      ["secret", ""],
      [new Uint8Array(0)],
      [17],
      [null],
    ]) {
      equal(
        refusal(() => new Signer(secrets)),
        "ERR_SESSION_INVALID_OPTION",
        `the code for ${JSON.stringify(secrets)}`,
      );
    }
  });

  it("keeps its own copy of the secrets", () => {
    const secret = new TextEncoder().encode("keyboard cat");
    const secrets = [secret];
    const signer = new Signer(secrets);
    secret.fill(0);
    secrets.length = 0;
    equal(signer.verify(signed[0][2]), signed[0][1], "after the caller has cleared them");
  });
});

describe("Sealer", () => {
  it("opens what another implementation has sealed", () => {
    // Made by libsodium, through PyNaCl; the nonce counts from 0 to 23.
    const ticket =
      "v1.43d2vNzT-JMAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhdQ5z6pUpxJDIudzRnbscfsfcW-mGamrFeD8xX8TYQGMBYL2g";
    equal(text(new Sealer([NEW]).open("__Host-user", ticket)), "a session's content", "the content");
  });

  it("gives back any content of up to 16 KiB, and no more", () => {
    const sealer = new Sealer([NEW]);
    for (const content of ["", "c", "é🦀", "\0", "x".repeat(16_384)]) {
      for (const given of [content, new TextEncoder().encode(content)]) {
        const ticket = sealer.seal("name", given);
        equal(/^v1\.[A-Za-z0-9_-]+$/.test(ticket), true, "whether it needs no escaping");
        equal(text(sealer.open("name", ticket)), content, "the content");
      }
    }
    for (const content of [
      "x".repeat(16_385),
      "é".repeat(8_193),
      "x".repeat(70_000),
      new Uint8Array(100_000),
    ]) {
      equal(
        refusal(() => sealer.seal("name", content)),
        "ERR_SESSION_TOO_LARGE",
      );
    }
    equal(text(sealer.open("name", sealer.seal("name", "small"))), "small", "afterwards");
  });

  it("binds a content to its name, its secret and itself", () => {
    const both = new Sealer([NEW, OLD]);
    const ticket = new Sealer([OLD]).seal("user", "content");
    same([text(both.open("user", ticket)), both.open("user", ticket).byNewest], ["content", false]);
    equal(both.open("user", both.seal("user", "content")).byNewest, true, "by the newest");
    equal(both.open("users", ticket), undefined, "another name");
    equal(new Sealer([NEW]).open("user", ticket), undefined, "by a secret that is not given");
    for (let at = 0; at < ticket.length; at += 1) {
      for (const letter of ["A", "B", "=", "é"]) {
        const changed = ticket.slice(0, at) + letter + ticket.slice(at + 1);
        if (changed !== ticket) equal(both.open("user", changed), undefined, `${letter} at ${at}`);
      }
      equal(both.open("user", ticket.slice(0, at)), undefined, `cut at ${at}`);
    }
    for (const none of ["", "v1.", undefined, null, 17, "A".repeat(1 << 22)]) {
      equal(both.open("user", none), undefined, String(none).slice(0, 50));
    }
  });

  it("refuses names, contents and secrets that are none", () => {
    const sealer = new Sealer([NEW]);
    const invalid = [
      () => sealer.seal(undefined, "content"),
      () => sealer.seal("\ud800", "content"),
      () => sealer.seal("n".repeat(257), "content"),
      () => sealer.open({}, "v1."),
      () => sealer.seal("name", undefined),
      () => sealer.seal("name", {}),
      () => new Sealer(["31 bytes, which is one too few."]),
      () => new Sealer([NEW, "short"]),
      () => new Sealer([]),
      () => new Sealer(),
    ];
    for (const call of invalid) equal(refusal(call), "ERR_SESSION_INVALID_OPTION", String(call));
  });

  it("takes bytes whose length is code", () => {
    const sealer = new Sealer([NEW]);
    class Counted extends Uint8Array {
      get length() {
        sealer.seal("other", "of the other");
        return 10;
      }
    }
    const ticket = sealer.seal("name", new Counted(new TextEncoder().encode("of the one").buffer));
    equal(text(sealer.open("name", ticket)), "of the one", "the content");
  });
});

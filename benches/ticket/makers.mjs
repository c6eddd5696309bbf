// Who makes and checks tickets: `make(id)` gives a text, `check(text)` the id in it. Each is imported by its own
// function, so that a process holds only the code that it measures.
export const SIGNER = "sessile Signer";
export const COOKIE_SIGNATURE = "cookie-signature";
export const NODE = "node:crypto, HMAC-SHA256";
export const SEALER = "sessile Sealer";
export const NODE_CIPHER = "node:crypto, ChaCha20-Poly1305";

const SECRET = "the secret of a server, in 32 or more bytes";

const OPENERS = {
  async [SIGNER]() {
    const { Signer } = await import("sessile");
    const signer = new Signer([SECRET]);
    return { make: (id) => signer.sign(id), check: (text) => signer.verify(text) };
  },

  // As express-session calls it.
  async [COOKIE_SIGNATURE]() {
    const { default: signature } = await import("cookie-signature");
    return {
      make: (id) => `s:${signature.sign(id, SECRET)}`,
      check: (text) => signature.unsign(text.slice(2), SECRET),
    };
  },

  // What anybody would write by hand, with the key prepared.
  async [NODE]() {
    const { createHmac, createSecretKey, timingSafeEqual } = await import("node:crypto");
    const key = createSecretKey(SECRET, "utf8");
    const mac = (id) => createHmac("sha256", key).update(id).digest();
    return {
      make: (id) => `s:${id}.${mac(id).toString("base64").slice(0, 43)}`,
      check(text) {
        const dot = text.lastIndexOf(".");
        const id = text.slice(2, dot);
        const given = Buffer.from(text.slice(dot + 1), "base64");
        return given.length === 32 && timingSafeEqual(mac(id), given) ? id : undefined;
      },
    };
  },

  async [SEALER]() {
    const { Sealer } = await import("sessile");
    const sealer = new Sealer([SECRET]);
    const decoder = new TextDecoder();
    return {
      make: (id) => sealer.seal("session", id),
      check: (text) => decoder.decode(sealer.open("session", text)?.data),
    };
  },

  // Its nonce has 12 bytes, so that fewer random ones are made than for XChaCha20.
  async [NODE_CIPHER]() {
    const { createCipheriv, createDecipheriv, createSecretKey, randomBytes } = await import("node:crypto");
    const key = createSecretKey(SECRET.slice(0, 32), "utf8");
    const options = { authTagLength: 16 };
    const name = Buffer.from("session");
    return {
      make(id) {
        const nonce = randomBytes(12);
        const cipher = createCipheriv("chacha20-poly1305", key, nonce, options);
        cipher.setAAD(name);
        const text = [nonce, cipher.update(id), cipher.final(), cipher.getAuthTag()];
        return Buffer.concat(text).toString("base64url");
      },
      check(text) {
        const bytes = Buffer.from(text, "base64url");
        const decipher = createDecipheriv("chacha20-poly1305", key, bytes.subarray(0, 12), options);
        decipher.setAAD(name);
        decipher.setAuthTag(bytes.subarray(-16));
        const content = decipher.update(bytes.subarray(12, -16));
        decipher.final();
        return content.toString();
      },
    };
  },
};

export const MAKERS = Object.keys(OPENERS);

export const openMaker = (name) => OPENERS[name]();

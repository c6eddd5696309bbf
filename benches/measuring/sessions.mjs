// Sessions as web shops and dashboards keep them. About one in nine has a name with an accent, which makes
// some encoders leave their fast path; scripts beyond Latin-1, with which a JavaScript string takes twice the
// memory, are left out: they would flatter whoever keeps UTF-8.
import { pick, randomFrom } from "./random.mjs";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const FIRST = (
  "Ada Ben Carla Dmitri Elena Farid Grace Hugo Ines Jonas Kaya Lena Marco Nadia Oscar Priya " +
  "Quentin Rosa Samir Tessa Umar Vera Wendy Yusuf Zora José Alice Boris Chen Daria"
).split(" ");
const LAST = (
  "Abbott Becker Costa Dupont Evans Fischer Garcia Hansen Ivanova Jensen Kowalski Larsen Meyer Novak " +
  "Okafor Patel Quinn Rossi Santos Taylor Urban Varga Weber Young Zimmer Müller Allen Brown"
).split(" ");
const WORDS = (
  "amber basket candle desk earth fabric garden harbor island jacket kettle lantern mirror notebook " +
  "orange pillow quartz ribbon silver table umbrella velvet window yellow"
).split(" ");
const LOCALES = ["en-GB", "en-US", "de-DE", "fr-FR", "es-ES", "pt-BR"];
const DOMAINS = ["example.com", "example.org", "mail.example.net"];
const START = 1_760_000_000_000;

/** An id as servers make it: 43 characters of base64url. A string of its own, flat and not internalised. */
export function sessionId(random) {
  const bytes = Buffer.allocUnsafe(43);
  for (let index = 0; index < 43; index += 1) bytes[index] = DIGITS.charCodeAt(random() * 64);
  return bytes.latin1Slice();
}

/**
 * The id as a request brings it: a fresh string, cut from a Cookie header. A string that was a key before has
 * its hash, and perhaps is internalised, so a `Map` would find it several times faster than in any server.
 */
export function fromCookie(id) {
  const header = Buffer.from(`theme=dark; sid=${id}; consent=1`, "latin1").latin1Slice();
  return header.slice(16, 16 + id.length);
}

/** A session whose JSON has about `bytes` characters; no two are alike. */
export function session(random, bytes) {
  const first = pick(random, FIRST);
  const last = pick(random, LAST);
  const number = Math.floor(random() * 9_000_000) + 1_000_000;
  const created = START + Math.floor(random() * 1e10);
  const made = {
    user: { id: number, name: `${first} ${last}` },
    csrf: token(random, 32),
    createdAt: created,
    seenAt: created + Math.floor(random() * 1e7),
    visits: Math.floor(random() * 90) + 10,
    flash: [],
  };
  if (bytes >= 400) {
    made.user.email = `${ascii(first)}.${ascii(last)}${number % 97}@${pick(random, DOMAINS)}`.toLowerCase();
    made.user.roles = random() < 0.1 ? ["customer", "editor"] : ["customer"];
    made.locale = pick(random, LOCALES);
    made.returnTo = `/${pick(random, WORDS)}/${pick(random, WORDS)}-${Math.floor(random() * 1e5)}?page=${1 + Math.floor(random() * 9)}`;
    made.cart = [];
    let left = bytes - JSON.stringify(made).length;
    while (left >= 60) {
      const line = cartLine(random);
      made.cart.push(line);
      left -= JSON.stringify(line).length + 1;
    }
  }
  return made;
}

/** A stock of different sessions, for loops in which making them would cost more than storing them. */
export function sessionStock(seed, bytes, count) {
  const random = randomFrom(seed);
  return Array.from({ length: count }, () => session(random, bytes));
}

/** What one request does to its session. */
export function visit(found, random) {
  found.visits += 1;
  found.seenAt += 1 + Math.floor(random() * 60_000);
  found.flash = random() < 0.1 ? [{ kind: "info", text: `${pick(random, WORDS)} was saved` }] : [];
  if (found.cart?.length > 0) pick(random, found.cart).quantity = 1 + Math.floor(random() * 9);
  return found;
}

function cartLine(random) {
  return {
    sku: token(random, 8),
    title: `${pick(random, WORDS)} ${pick(random, WORDS)}`,
    quantity: 1 + Math.floor(random() * 4),
    cents: 99 + Math.floor(random() * 20_000),
  };
}

function token(random, length) {
  let text = "";
  for (let index = 0; index < length; index += 1) text += DIGITS[Math.floor(random() * 64)];
  return text;
}

const ascii = (name) => name.normalize("NFD").replace(/[^a-z]/gi, "");

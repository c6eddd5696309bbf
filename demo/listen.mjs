// Where the demo listens, for all four runtimes: the environment says it.
import process from "node:process";

/** Port 0 lets the system choose one. */
export const port = portFrom(process.env.PORT ?? "8080");

/** Only this machine, unless HOST says otherwise. */
export const host = process.env.HOST ?? "127.0.0.1";

/** `SECURE=1`: TLS ends at a proxy before this server, so that browsers are on https. */
export const secure = process.env.SECURE === "1";

export function sayWhere(actualPort) {
  console.log(`The demo is at http://localhost:${actualPort} (stop it with Ctrl-C)`);
}

function portFrom(text) {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= 65_535) return number;
  throw new RangeError(`PORT must be a number from 0 to 65535, not ${JSON.stringify(text)}`);
}

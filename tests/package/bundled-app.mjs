// The app that each bundler gets, with no configuration: it writes, reads, and tells by the page's title.
import { SessionStorageMemory, generateSessionId } from "sessile";

async function main() {
  const storage = new SessionStorageMemory({ idleTimeout: "30m" });
  const id = generateSessionId();
  await storage.write(id, async (channel) => {
    const writer = channel.getWriter();
    await writer.write(new TextEncoder().encode("written "));
    await writer.write(new TextEncoder().encode("and read"));
  });
  return storage.read(id, (channel) => new Response(channel).text());
}

main().then(
  (text) => report(text),
  (error) => report(`failed: ${error?.stack ?? error}`),
);

function report(text) {
  if (typeof document === "undefined") console.log(text);
  else document.title = text;
}

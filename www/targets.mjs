// Where bytes go that leave the page: a file that the reader of the page has chosen, or a download.
import { element } from "./dom.mjs";

/** Pieces are handed to the browser in lots of this size; it keeps them where it likes, also on the disk. */
const LOT = 4 * 1_048_576;

/** Whether the browser can write into a file of the reader's choice. */
export const canChoose = "showSaveFilePicker" in globalThis;

/** Asks for a file and answers a target that writes straight into it; the file is changed at `close` alone. */
export async function chosenFile(suggestedName) {
  const handle = await globalThis.showSaveFilePicker({ suggestedName: fileName(suggestedName) });
  const writable = await handle.createWritable();
  return {
    write: (piece) => writable.write(piece),
    close: () => writable.close(),
    giveUp: () => writable.abort(),
  };
}

/** A target that gathers a `Blob` and offers it as a download at `close`. */
export function download(name) {
  const lots = [];
  let lot = [];
  let length = 0;
  const hand = () => {
    lots.push(new Blob(lot));
    lot = [];
    length = 0;
  };
  return {
    async write(piece) {
      lot.push(piece);
      length += piece.length;
      if (length >= LOT) hand();
    },
    async close() {
      hand();
      const address = URL.createObjectURL(new Blob(lots, { type: "application/octet-stream" }));
      element("a", { href: address, download: fileName(name) }).click();
      // The browser has its own hold on the bytes once the download has begun; a minute is enough to begin.
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    },
    async giveUp() {
      lots.length = 0;
      lot = [];
    },
  };
}

/** An id as the name of a file: ids may hold what no file system takes. */
function fileName(name) {
  const safe = name.replace(/[\u0000-\u001f\u007f"*/:<>?\\|]/g, "_").replace(/^\.+/, "_");
  return safe.slice(0, 120) || "session";
}

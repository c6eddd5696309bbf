// The storage that the page shows: an IndexedDB database, which all tabs share.
import { DirectoryStorage } from "sessile";
import { now } from "./clock.mjs";

export const storage = new DirectoryStorage("sessile page", { clock: now });

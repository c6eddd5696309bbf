// On the page: a large session in our storage.
import { DirectoryStorage } from "sessile";
import * as large from "../measuring/large.mjs";

const storage = new DirectoryStorage("large");

export async function begin() {
  await storage.setJson("small", { user: 17 });
  await storage.getJson("small");
}

export const write = (size) => large.write(storage, "large", size);
export const readInto = (size) => large.readInto(storage, "large", size);
export const readChunks = (size) => large.readChunks(storage, "large", size);

import { channels } from "./channels.mjs";
import { lifetimes } from "./lifetimes.mjs";
import { limits } from "./limits.mjs";
import { tags } from "./tags.mjs";
import { values } from "./values.mjs";
import { writes } from "./writes.mjs";

/** The storages that the kit must find, each with the cases that must find it. */
export const broken = [...writes, ...values, ...channels, ...lifetimes, ...limits, ...tags];

import { described } from "../storages.mjs";

/**
 * One broken storage: its class, what is wrong with it (after "a storage that …"), and the cases that must find
 * it. Only cases of the rules so named are run, which keeps storages that hang from hanging in every case.
 */
export function breaks(Storage, wrong, caughtBy, change) {
  return { ...described(Storage, wrong, change), caughtBy };
}

// The sessions that the programs in this folder give to a framework each.
import { SessionStorageMemory, cookie, sessions } from "sessile";

export interface User {
  name: string;
}

const storage = new SessionStorageMemory();

export const app = sessions({ user: cookie<User>("sid", storage), cart: cookie<string[]>("cart", storage) });

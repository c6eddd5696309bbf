import { SessionStorageMemory, cookie, sessions } from "sessile";

export const app = sessions({ user: cookie("sid", new SessionStorageMemory()) });

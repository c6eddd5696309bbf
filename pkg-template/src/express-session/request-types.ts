/**
 * `req.session` for TypeScript: import `sessile/express-session/request` once. Not where `@types/express-session` is installed,
 * whose `req.session` the drop-in has too.
 *
 * @module
 */
import type { Session, SessionData, Store } from "../express-session.js";

declare global {
  namespace Express {
    interface Request {
      session: Session & Partial<SessionData>;
      sessionID: string;
      sessionStore: Store;
    }
  }
}

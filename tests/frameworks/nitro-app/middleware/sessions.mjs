import { h3Sessions } from "sessile/h3";
import { app } from "../lib/sessions.mjs";

export default h3Sessions(app);

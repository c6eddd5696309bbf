// Starts every part of the page.
import { startBackup } from "./backup.mjs";
import { startByHand } from "./by-hand.mjs";
import { byId } from "./dom.mjs";
import { startKit } from "./kit.mjs";
import { tellError } from "./outcome.mjs";
import { startRoom } from "./room.mjs";
import { startList } from "./session-list.mjs";
import { startTags } from "./tags.mjs";
import { startThroughput } from "./throughput.mjs";
import { startViewer } from "./viewer.mjs";

// What no part has caught is a mistake of the page, and is not kept from its reader.
for (const type of ["error", "unhandledrejection"]) {
  addEventListener(type, ({ error, reason }) => {
    byId("failure").hidden = false;
    tellError(byId("failure"), error ?? reason);
  });
}

startByHand();
startViewer();
startTags();
startRoom();
startBackup();
startKit();
startThroughput();
await startList();
document.documentElement.dataset.ready = "true";

// The demo's HTML: a page with a session on it, and the one after logout.
import { racePanel, raceScript, raceStyle } from "./race-panel.mjs";

const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

class Html {
  constructor(text) {
    this.text = text;
  }
}

// Everything put into a template is escaped, but for what came out of one itself.
function html(strings, ...values) {
  const parts = values.map((value) => [value].flat().map(markup).join(""));
  return new Html(String.raw({ raw: strings }, ...parts));
}

function markup(value) {
  return value instanceof Html ? value.text : String(value).replace(/[&<>"']/g, (found) => escapes[found]);
}

const rooms = [
  { name: "Home", path: "/" },
  { name: "Harbour", path: "/room/harbour" },
  { name: "Reef", path: "/room/reef" },
  { name: "Pier", path: "/room/pier" },
];

const roomName = (path) => rooms.find((room) => room.path === path)?.name ?? path.replace(/^\/room\//, "");

const time = (milliseconds) => {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
};

const size = (bytes) =>
  bytes < 10_000 ? `${bytes.toLocaleString("en")} B` : `${Math.round(bytes / 1000)} kB`;

const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** The page of a session. `address` is the path as the browser sent it, `session.path` the same, readable. */
export function page({ session, address, stats, now, idleTimeout, runtime, nonce }) {
  const { id, visits, path, before, revision, byteLength, createdAt, expiresAt } = session;
  const left = Math.max(0, expiresAt - now);
  const minutes = Math.round(idleTimeout / 60_000);
  const body = html`
    <main
      class="card"
      id="session"
      data-visits="${visits}"
      data-now="${now}"
      data-expires-at="${expiresAt}"
      data-idle-timeout="${idleTimeout}"
    >
      <section class="hero" aria-labelledby="visits-label">
        <h1 id="visits-label">Visits in this session</h1>
        <p class="count" id="visits" aria-live="polite">${visits.toLocaleString("en")}</p>
        <p class="where">
          You are at <strong>${roomName(path)}</strong>${
            before === null
              ? ", and this is your first visit."
              : html`, and came from <strong>${roomName(before)}</strong>.`
          }
        </p>
        <nav class="rooms" aria-label="Places to visit">
          ${rooms.map(
            (room) =>
              html`<a href="${room.path}" ${room.path === address ? html`aria-current="page"` : ""}
                >${room.name}</a
              >`,
          )}
        </nav>
      </section>
      <dl class="facts">
        <div>
          <dt>Session</dt>
          <dd><code>${id}</code></dd>
        </div>
        <div>
          <dt>Revision</dt>
          <dd><code id="revision" title="${revision}">${revision}</code></dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd id="size">${size(byteLength)}</dd>
        </div>
        <div>
          <dt>Began</dt>
          <dd>
            <time id="began" datetime="${new Date(createdAt).toISOString()}"
              >${new Date(createdAt).toISOString().slice(11, 19)} UTC</time
            >
          </dd>
        </div>
        <div>
          <dt>Expires</dt>
          <dd>
            <time id="expires" datetime="${new Date(expiresAt).toISOString()}"
              >${new Date(expiresAt).toISOString().slice(11, 19)} UTC</time
            >
          </dd>
        </div>
      </dl>
      <section class="life" aria-label="Time left">
        <p><strong id="left">${time(left)}</strong> <span id="left-label">left</span></p>
        <progress id="bar" max="${idleTimeout}" value="${Math.min(left, idleTimeout)}"></progress>
        <p class="rule">
          Each visit sets it back to ${minutes} minutes; after 12 hours it ends all the same.
        </p>
      </section>
      <div class="actions">
        <a class="button primary" href="${address}">Visit again</a>
        <form method="post" action="/logout"><button class="button">Log out</button></form>
      </div>
    </main>
    <p class="hint">
      Open a private window: it gets a session of its own. Log out: the old cookie is worthless from then on.
    </p>
    ${new Html(racePanel)}
    <script type="module" nonce="${nonce}">
      ${new Html(script)};
      ${new Html(raceScript)};
    </script>
  `;
  return frame({ title: `${count(visits, "visit")} · sessile`, body, stats, runtime, nonce });
}

/** The page without a session, which does not begin one either. */
export function notice({ stillIn, stats, runtime, nonce }) {
  const body = html`
    <main class="card farewell">
      <h1>${stillIn ? "Your session is alive" : "You are logged out"}</h1>
      <p>
        ${
          stillIn
            ? "Only the button ends it, or time does."
            : "The session is gone for good. A request still under way, or a copy of the old cookie, cannot bring it back."
        }
      </p>
      <div class="actions">
        <a class="button primary" href="/">${stillIn ? "Back to it" : "Begin a new session"}</a>
      </div>
    </main>
  `;
  return frame({ title: `${stillIn ? "Still here" : "Logged out"} · sessile`, body, stats, runtime, nonce });
}

function frame({ title, body, stats, runtime, nonce }) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}" />
        <style nonce="${nonce}">
          ${new Html(style + raceStyle)}
        </style>
      </head>
      <body>
        <header>
          <a class="brand" href="/">${new Html(mark)}<span>sessile</span></a>
          <p>sessions that stay put</p>
        </header>
        ${body}
        <footer>
          <ul aria-label="The storage">
            <li id="stat-sessions">${count(stats.sessions, "session")}</li>
            <li id="stat-bytes">${size(stats.bytes)} held</li>
            <li id="stat-expired">${stats.expired.toLocaleString("en")} expired</li>
            <li id="stat-evicted">${stats.evicted.toLocaleString("en")} evicted</li>
          </ul>
          <p>
            SessionStorageMemory${runtime ? ` on ${runtime}` : ""} · in your browser:
            <a id="www" href="/page/">the test page</a>
          </p>
        </footer>
      </body>
    </html> `.text;
}

// A limpet on its rock.
const shape = `<path d="M3 23.5C5.5 12 10.5 6 16 6s10.5 6 13 17.5Z"/>
<path d="M16 7v16M11.5 9.5 8.5 23M20.5 9.5 23.5 23" class="ribs"/>`;

const mark = `<svg viewBox="0 0 32 32" width="30" height="30" aria-hidden="true">${shape}
<path d="M1.5 26.5h29" class="rock"/></svg>`;

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="#0d7a70">${shape.replace(
  'class="ribs"',
  'stroke="#fff" stroke-width="1.5" fill="none"',
)}<path d="M1.5 26.5h29" stroke="#0d7a70" stroke-width="3"/></svg>`;

const style = `
:root {
  --paper: #f3f1ea; --card: #fffefb; --ink: #15252b; --soft: #5b6b70; --line: #e2dfd4;
  --accent: #0d7a70; --accent-ink: #ffffff; --accent-soft: #dcefeb; --warm: #c2502c;
  --shadow: 0 1px 2px rgb(21 37 43 / 6%), 0 18px 48px -20px rgb(21 37 43 / 22%);
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0c1416; --card: #131e21; --ink: #e8f0ef; --soft: #93a5a8; --line: #233236;
    --accent: #4fcdbc; --accent-ink: #062320; --accent-soft: #17332f; --warm: #f2936f;
    --shadow: 0 1px 0 rgb(255 255 255 / 4%) inset, 0 24px 60px -24px rgb(0 0 0 / 70%);
  }
}
@view-transition { navigation: auto; }
*, ::before, ::after { box-sizing: border-box; margin: 0; }
html { font: 400 16px/1.5 Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  -webkit-text-size-adjust: 100%; }
body { min-height: 100vh; min-height: 100dvh; max-width: 62rem; margin: 0 auto; padding: 0 1.5rem; background: var(--paper);
  color: var(--ink); display: flex; flex-direction: column; }
a { color: inherit; }
header { display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: 1.75rem 0 1.5rem; }
.brand { display: flex; align-items: center; gap: .65rem; text-decoration: none; font-weight: 650;
  font-size: 1.35rem; letter-spacing: -.02em; }
.brand svg { fill: var(--accent); }
.brand .ribs { stroke: var(--paper); stroke-width: 1.5; fill: none; }
.brand .rock { stroke: var(--ink); stroke-width: 2; stroke-linecap: round; }
header p { color: var(--soft); font-size: .95rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 1.25rem; box-shadow: var(--shadow);
  display: grid; grid-template-columns: minmax(0, 1.15fr) minmax(0, 1fr); }
.hero { padding: 2.25rem 2.5rem 1.75rem; }
h1 { font-size: 1rem; font-weight: 550; color: var(--soft); letter-spacing: 0; }
.count { font-size: clamp(5.5rem, 15vw, 9.5rem); line-height: 1.05; font-weight: 680; letter-spacing: -.055em;
  color: var(--accent); margin: .1rem 0 .35rem -.035em; view-transition-name: count; }
.count.long { font-size: clamp(3.25rem, 9vw, 5.75rem); line-height: 1.5; }
.where { color: var(--soft); overflow-wrap: anywhere; }
.where strong { color: var(--ink); font-weight: 600; }
.rooms { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1.1rem; }
.rooms a { padding: .3rem .85rem; border: 1px solid var(--line); border-radius: 99px; text-decoration: none;
  font-size: .9rem; color: var(--soft); }
.rooms a:hover { border-color: var(--accent); color: var(--accent); }
.rooms a[aria-current] { background: var(--accent-soft); border-color: transparent; color: var(--accent); font-weight: 600; }
.facts { padding: 1.9rem 2.5rem 1.5rem; border-left: 1px solid var(--line); align-self: stretch;
  display: flex; flex-direction: column; justify-content: center; }
.facts div { display: flex; align-items: baseline; justify-content: space-between; gap: 1.5rem; padding: .68rem 0;
  border-bottom: 1px solid var(--line); }
.facts div:last-child { border-bottom: 0; }
dt { color: var(--soft); }
dd { font-weight: 550; font-variant-numeric: tabular-nums; min-width: 0; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; text-align: right; }
code { font: 500 .95em/1.5 ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.life { grid-column: 1 / -1; border-top: 1px solid var(--line); padding: 1.5rem 2.5rem 0;
  display: grid; grid-template-columns: auto 1fr; align-items: baseline; gap: .55rem 1.5rem; }
.life strong { font-size: 1.5rem; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.life .rule { color: var(--soft); font-size: .9rem; text-align: right; }
progress { grid-column: 1 / -1; grid-row: 2; width: 100%; height: .6rem; border: 0; border-radius: 99px; overflow: hidden;
  appearance: none; background: var(--accent-soft); color: var(--accent); }
progress::-webkit-progress-bar { background: var(--accent-soft); }
progress::-webkit-progress-value { background: var(--accent); border-radius: 99px; transition: width 1s linear; }
progress::-moz-progress-bar { background: var(--accent); border-radius: 99px; }
.low { --accent: var(--warm); }
.actions { grid-column: 1 / -1; display: flex; gap: .75rem; padding: 1.5rem 2.5rem 2rem; }
.button { display: inline-block; font: inherit; font-weight: 600; text-decoration: none; text-align: center;
  padding: .68rem 1.4rem; border-radius: .75rem; border: 1px solid var(--line); background: transparent;
  color: var(--ink); cursor: pointer; }
.button:hover { border-color: var(--soft); }
.primary { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
.primary:hover { border-color: var(--accent); filter: brightness(1.08); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: .5rem; }
.hint { color: var(--soft); font-size: .9rem; padding: 1.15rem .25rem; text-align: center; text-wrap: balance; }
.farewell { display: block; max-width: 38rem; margin: 6vh auto; padding: 2.5rem; }
.farewell h1 { font-size: 2rem; line-height: 1.2; font-weight: 680; letter-spacing: -.03em; color: var(--ink); }
.farewell p { margin-top: .75rem; color: var(--soft); }
.farewell .actions { padding: 1.75rem 0 0; }
footer { margin-top: auto; border-top: 1px solid var(--line); padding: 1rem .25rem 1.25rem; display: flex;
  flex-wrap: wrap; justify-content: space-between; gap: .25rem 2rem; color: var(--soft); font-size: .85rem;
  font-variant-numeric: tabular-nums; }
footer ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; }
@media (max-width: 46rem) {
  body { padding: 0 1rem; }
  header { padding: 1rem .25rem; }
  header p { font-size: .85rem; }
  .card { grid-template-columns: minmax(0, 1fr); border-radius: 1rem; }
  .hero { padding: 1.25rem 1.25rem 1rem; }
  .count { font-size: 5.25rem; }
  .rooms a { padding-inline: .75rem; }
  .facts { border-left: 0; border-top: 1px solid var(--line); padding: .5rem 1.25rem; order: 1; }
  .facts div { padding: .45rem 0; }
  .life { padding: 1rem 1.25rem 0; }
  .life .rule { grid-column: 1 / -1; text-align: left; }
  .actions { padding: 1rem 1.25rem 1.25rem; }
  .actions > * { flex: 1; }
  .actions .button { width: 100%; padding-inline: .5rem; }
  .farewell { padding: 1.5rem; }
  .farewell .actions { padding: 1.5rem 0 0; }
}
@media (prefers-reduced-motion: reduce) {
  @view-transition { navigation: none; }
  progress::-webkit-progress-value { transition: none; }
}
`;

// The countdown runs on the server's clock: the page carries its time, and only the difference to the
// browser's own is kept. Without this script the page works and shows the time at which it was made.
const script = `
const main = document.getElementById("session");
const at = (id) => document.getElementById(id);
const put = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };
const idleTimeout = Number(main.dataset.idleTimeout);
let expiresAt = Number(main.dataset.expiresAt);
let ahead = Number(main.dataset.now) - Date.now();

${[time, size, count].map((one) => `const ${one.name} = ${one};`).join("\n")}
const clockTime = (milliseconds) => new Date(milliseconds).toLocaleTimeString([], { timeStyle: "medium" });

function tick() {
  const left = Math.max(0, expiresAt - Date.now() - ahead);
  put("left", left > 0 ? time(left) : "Expired");
  put("left-label", left > 0 ? "left" : "the next visit begins a new session");
  at("bar").value = Math.min(left, idleTimeout);
  main.querySelector(".life").classList.toggle("low", left < idleTimeout / 10);
}

function fitCount() {
  at("visits").classList.toggle("long", at("visits").textContent.length > 4);
}

async function refresh() {
  if (document.hidden) return;
  const response = await fetch("/api/session");
  if (!response.ok) return;
  const { session, stats, now } = await response.json();
  ahead = now - Date.now();
  put("stat-sessions", count(stats.sessions, "session"));
  put("stat-bytes", size(stats.bytes) + " held");
  put("stat-expired", stats.expired.toLocaleString("en") + " expired");
  put("stat-evicted", stats.evicted.toLocaleString("en") + " evicted");
  expiresAt = session ? session.expiresAt : 0;
  if (session) {
    put("visits", session.visits.toLocaleString("en"));
    put("revision", session.revision);
    put("size", size(session.byteLength));
    put("began", clockTime(session.createdAt));
    put("expires", clockTime(session.expiresAt));
    fitCount();
  }
  tick();
}

// A server that is away for a moment is no reason to disturb the page: the next look will tell.
const look = () => refresh().catch(() => {});
put("began", clockTime(Date.parse(at("began").dateTime)));
put("expires", clockTime(expiresAt));
fitCount();
tick();
setInterval(tick, 1000);
setInterval(look, 15000);
document.addEventListener("visibilitychange", look);
`;

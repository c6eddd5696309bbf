// The page's panel of races. The server says how much to send and what came of it; the page sends and shows.

export const racePanel = `
<section class="card races" id="races" aria-labelledby="races-title" hidden>
  <h2 id="races-title">Races</h2>
  <div class="race">
    <h3>Parallel requests</h3>
    <p>Each loads one session, waits until others have loaded it too, and adds one. For contrast the same once more,
      by a handler that writes back what it has read.</p>
    <dl>
      <div><dt>counted with <code>update()</code>, which runs again if another was faster</dt>
        <dd id="updated">–</dd></div>
      <div class="contrast"><dt>counted if the last write wins</dt><dd id="overwritten">–</dd></div>
    </dl>
    <button class="button" id="race-additions" type="button">50 at once</button>
    <p class="outcome" id="additions-outcome" role="status"></p>
  </div>
  <div class="race">
    <h3>A logout among slow requests</h3>
    <p>Each loads the session, waits on the server until the logout is through, and then changes it. Five at a
      time, since a browser keeps six connections to a server.</p>
    <dl>
      <div><dt>were told that the session has ended, and changed nothing</dt><dd id="told">–</dd></div>
      <div><dt>sessions are left: a logout is for good</dt><dd id="alive">–</dd></div>
    </dl>
    <button class="button" id="race-logout" type="button">Log out in the middle</button>
    <p class="outcome" id="logout-outcome" role="status"></p>
  </div>
</section>`;

export const raceStyle = `
[hidden] { display: none; }
.races { margin-bottom: 2rem; }
.races h2 { grid-column: 1 / -1; padding: 1.25rem 2.5rem; border-bottom: 1px solid var(--line); font-size: 1.35rem;
  font-weight: 650; letter-spacing: -.02em; }
.race { padding: 1.5rem 2.5rem 1rem; display: grid; grid-row: span 5; grid-template-rows: subgrid; row-gap: .4rem; }
.race + .race { border-left: 1px solid var(--line); }
.race h3 { font-size: 1rem; font-weight: 600; }
.race p, .race dt { color: var(--soft); font-size: .95rem; }
.race dl { margin: .75rem 0 1rem; display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem; }
.race dl div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.race dd { text-align: left; font-size: 2.1rem; line-height: 1.25; font-weight: 650; letter-spacing: -.03em;
  color: var(--accent); }
.race .contrast dd { color: var(--warm); }
.race .button { justify-self: start; }
.race .button[aria-disabled] { opacity: .55; cursor: default; }
.race .outcome { min-height: 1.5em; }
.race .heard { height: 1.5em; white-space: nowrap; overflow: hidden; clip-path: inset(50%); }
.race .failed { color: var(--warm); font-weight: 600; }
@media (max-width: 46rem) {
  .races h2 { padding: 1rem 1.25rem; }
  .race { padding: 1rem 1.25rem .75rem; }
  .race + .race { border-left: 0; border-top: 1px solid var(--line); }
  .race .button { justify-self: stretch; }
}
`;

export const raceScript = `
const number = (value) => value.toLocaleString("en");
const outOf = (value, all) => number(value) + " of " + number(all);

async function ask(step, method = "POST") {
  const response = await fetch("/race/" + step, { method });
  if (response.ok) return response.json();
  throw new Error(response.status === 409 ? "The race was broken off." : "The server answered " + response.status + ".");
}

// None is left under way when this ends: a late answer of one race would take the cookie of the next.
async function together(...sent) {
  const answers = await Promise.allSettled(sent);
  const failed = answers.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}
const many = (step, times) => Array.from({ length: times }, () => ask(step));

async function raceAdditions() {
  const { additions } = await ask("begin");
  await together(...many("add", additions));
  const careful = await ask("result", "GET");
  put("updated", outOf(careful.counted, careful.additions));
  await ask("login");
  await together(...many("overwrite", additions));
  const careless = await ask("result", "GET");
  put("overwritten", outOf(careless.counted, careless.additions));
  const text = "Counted " + outOf(careful.counted, careful.additions) + "; where the last write wins, " +
    outOf(careless.counted, careless.additions) + ".";
  return { text, isAllShown: true };
}

async function raceLogout() {
  const { slow, slowAtOnce } = await ask("begin");
  for (let sent = 0; sent < slow; sent += slowAtOnce) {
    if (sent > 0) await ask("login");
    await together(ask("logout"), ...many("slow", slowAtOnce));
  }
  const { ended, late, written, alive } = await ask("result", "GET");
  put("told", outOf(ended, slow));
  put("alive", number(alive));
  const others = [late && late + " came after the logout", written && written + " wrote before it"].filter(Boolean);
  const text = outOf(ended, slow) + " were told that the session has ended" +
    (others.length > 0 ? ", " + others.join(", ") : "") + ". " + count(alive, "session") + " left.";
  return { text, isAllShown: others.length === 0 };
}

// Both race with the same cookie, so one waits for the other.
const races = [
  { button: at("race-additions"), outcome: at("additions-outcome"), shown: ["updated", "overwritten"], run: raceAdditions },
  { button: at("race-logout"), outcome: at("logout-outcome"), shown: ["told", "alive"], run: raceLogout },
];
let underWay = false;
for (const { button, outcome, shown, run } of races) {
  button.addEventListener("click", async () => {
    if (underWay) return;
    underWay = true;
    // Not disabled: that would take the keyboard's focus away.
    for (const { button } of races) button.setAttribute("aria-disabled", "true");
    outcome.classList.remove("failed", "heard");
    outcome.textContent = "Under way…";
    for (const id of shown) put(id, "–");
    try {
      const { text, isAllShown } = await run();
      // What the numbers show already is for those who hear it.
      outcome.classList.toggle("heard", isAllShown);
      outcome.textContent = text;
    } catch (error) {
      outcome.classList.add("failed");
      outcome.textContent = error instanceof TypeError ? "The server does not answer." : error.message;
    } finally {
      underWay = false;
      for (const { button } of races) button.removeAttribute("aria-disabled");
    }
  });
}
at("races").hidden = false;
`;

// The demo over real HTTP, in any runtime: node demo.test.mjs FOLDER COMMAND [ARGUMENTS]
// as in: node demo.test.mjs ../../demo deno run --allow-all deno.mjs
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import process from "node:process";
import { send, sendPipelined, sendRaw, start, visitsOn, Visitor } from "./client.mjs";
import { checkSecureRace, raceCases } from "./race-cases.mjs";

const [folder, ...command] = process.argv.slice(2);
if (command.length === 0) throw new Error("Give the demo's folder and the command that starts it");

const cases = [];
const it = (name, run) => cases.push({ name, run });
const { port, stop, ended, output } = await start(command, folder);
if (ended) throw new Error(`The server ended at once:\n${ended.output}`);
const newVisitor = (cookie) => new Visitor(port, cookie);
const unknownId = "A".repeat(43);

it("counts the visits of a session, and sets its cookie once", async () => {
  const visitor = newVisitor();
  const first = await visitor.send("/");
  assert.equal(visitsOn(first), 1);
  assert.match(first.headers["set-cookie"][0], /^sid=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  for (const expected of [2, 3]) {
    const next = await visitor.send("/");
    assert.equal(visitsOn(next), expected);
    assert.equal(next.headers["set-cookie"], undefined);
  }
});

it("keeps two visitors apart", async () => {
  const [one, other] = [newVisitor(), newVisitor()];
  assert.equal(await one.visit(), 1);
  assert.equal(await other.visit(), 1);
  assert.equal(await one.visit(), 2);
  assert.equal(await one.visit(), 3);
  assert.equal(await other.visit(), 2);
  assert.notEqual(one.id, other.id);
});

it("loses none of 50 visits at a time, and shows each its own number", async () => {
  const visitor = newVisitor();
  await visitor.visit();
  const shown = await Promise.all(Array.from({ length: 50 }, () => visitor.visit()));
  assert.deepEqual(
    shown.sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, index) => index + 2),
  );
  assert.equal(await visitor.visit(), 52);
});

// Requests of one packet are under way at the same time; those of several connections, whose answers
// need no waiting, hardly ever are.
it("loses none of 20 visits that arrive in one packet", async () => {
  const visitor = newVisitor();
  await visitor.visit();
  const answers = await sendPipelined(port, Array(20).fill(`GET / HTTP/1.1\r\nCookie: ${visitor.cookie}`));
  const shown = [...answers.matchAll(/data-visits="(\d+)"/g)].map(([, visits]) => Number(visits));
  assert.deepEqual(
    shown.sort((a, b) => a - b),
    Array.from({ length: 20 }, (_, index) => index + 2),
  );
  assert.equal(await visitor.visit(), 22);
});

it("logs out for good amid visits that arrive in one packet", async () => {
  for (let before = 0; before < 8; before++) {
    const visitor = newVisitor();
    await visitor.visit();
    const visit = `GET / HTTP/1.1\r\nCookie: ${visitor.cookie}`;
    const logout = `POST /logout HTTP/1.1\r\nOrigin: http://localhost:${port}\r\nCookie: ${visitor.cookie}`;
    await sendPipelined(port, [...Array(before).fill(visit), logout, ...Array(8).fill(visit)]);
    assert.equal((await visitor.look()).session, null);
  }
});

it("describes the session to its page, without the id, without counting", async () => {
  const visitor = newVisitor();
  await visitor.visit("/room/harbour");
  const { session, stats, now } = await visitor.look();
  assert.equal(session.visits, 1);
  assert.equal(session.path, "/room/harbour");
  assert.equal(session.id, `${visitor.id.slice(0, 6)}…`);
  assert.ok(session.byteLength > 20 && session.byteLength < 200);
  assert.ok(session.createdAt <= now && now - session.createdAt < 60_000);
  assert.ok(Math.abs(session.expiresAt - session.createdAt - 30 * 60_000) < 1000);
  assert.ok(stats.sessions >= 1 && stats.bytes >= session.byteLength);
  assert.equal((await visitor.look()).session.revision, session.revision);
  assert.equal(await visitor.visit(), 2);
  const after = (await visitor.look()).session;
  assert.notEqual(after.revision, session.revision);
  assert.equal(after.createdAt, session.createdAt);
  assert.equal(after.before, "/room/harbour");
  const page = await visitor.send("/");
  assert.ok(!page.body.includes(visitor.id));
  assert.ok(page.body.includes(`${visitor.id.slice(0, 6)}…`));
});

it("begins no session for whoever only looks", async () => {
  const visitor = newVisitor();
  assert.equal((await visitor.look()).session, null);
  assert.equal((await visitor.send("/goodbye")).status, 200);
  assert.equal(visitor.cookie, undefined);
});

it("logs out for good: the old cookie is worth nothing", async () => {
  const visitor = newVisitor();
  await visitor.visit();
  await visitor.visit();
  const old = visitor.cookie;
  const response = await visitor.logout();
  assert.equal(response.status, 303);
  assert.equal(response.headers.location, "/goodbye");
  assert.equal(response.headers["set-cookie"][0], "sid=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
  const thief = newVisitor(old);
  assert.equal((await thief.look()).session, null);
  assert.equal(await thief.visit(), 1);
  assert.notEqual(thief.cookie, old);
  assert.equal((await newVisitor(old).logout()).status, 303);
});

it("logs out for good while visits are under way", async () => {
  for (let round = 0; round < 10; round++) {
    const visitor = newVisitor();
    await visitor.visit();
    const old = visitor.cookie;
    const visits = Array.from({ length: 10 }, () => newVisitor(old).send("/"));
    const logout = newVisitor(old).logout();
    const late = Array.from({ length: 10 }, () => newVisitor(old).send("/"));
    for (const { status } of await Promise.all([...visits, ...late]))
      assert.ok(status === 200 || status === 303);
    await logout;
    assert.equal((await newVisitor(old).look()).session, null);
  }
});

it("logs out only at its own button", async () => {
  const visitor = newVisitor();
  await visitor.visit();
  const own = `http://localhost:${port}`;
  const refused = [
    {},
    { origin: "https://elsewhere.example" },
    { origin: "null" },
    { origin: `https://localhost:${port}` },
    { origin: `${own}.elsewhere.example` },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "none" },
    { "sec-fetch-site": "cross-site", origin: own },
    { "sec-fetch-site": "same-origin", origin: "https://elsewhere.example" },
  ];
  for (const headers of refused) {
    assert.equal((await visitor.logout(headers)).status, 403, JSON.stringify(headers));
  }
  assert.equal((await visitor.send("/logout")).status, 405);
  assert.equal(await visitor.visit(), 2);
  assert.equal((await visitor.logout({ "sec-fetch-site": "same-origin", origin: own })).status, 303);
  assert.equal((await newVisitor().logout({ "sec-fetch-site": "same-origin" })).status, 303);
});

it("never adopts an id it did not give out", async () => {
  for (const id of [unknownId, "-".repeat(43), "x", "", `${unknownId}A`, "../../etc/passwd", "__proto__"]) {
    const visitor = newVisitor(`sid=${id}`);
    assert.equal(await visitor.visit(), 1, id);
    assert.match(visitor.id, /^[\w-]{43}$/);
    assert.notEqual(visitor.id, id);
    assert.equal((await newVisitor(`sid=${id}`).look()).session, null);
  }
});

it("answers HEAD like GET, without a body and without counting", async () => {
  const stranger = await send(port, "/", { method: "HEAD" });
  assert.equal(stranger.status, 200);
  assert.equal(stranger.body, "");
  assert.equal(stranger.headers["content-type"], "text/html; charset=utf-8");
  assert.equal(stranger.headers["set-cookie"], undefined);
  const visitor = newVisitor();
  await visitor.visit();
  assert.equal((await visitor.send("/", { method: "HEAD" })).status, 200);
  assert.equal(await visitor.visit(), 2);
});

it("knows its addresses and methods", async () => {
  for (const path of [
    "/nothing",
    "/favicon.ico",
    "/room/",
    "/room/a/b",
    "/api",
    "/logout/",
    "/constructor",
  ]) {
    assert.equal((await send(port, path)).status, 404, path);
  }
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    const response = await send(port, "/", { method });
    assert.equal(response.status, 405, method);
    assert.equal(response.headers.allow, "GET, HEAD");
    assert.equal(response.headers["set-cookie"], undefined);
  }
  assert.equal((await send(port, "/logout")).headers.allow, "POST");
});

it("finds its cookie among others, and reads damaged ones as none", async () => {
  const visitor = newVisitor();
  await visitor.visit();
  const found = [
    `theme=dark; ${visitor.cookie}; other=1`,
    `;;; ${visitor.cookie} ;`,
    `sid=${unknownId}; ${visitor.cookie}`,
    `sid=; ${visitor.cookie}`,
    `sid=%; bad=%E0%A4%A; =; ==; ${visitor.cookie}`,
    `nonsense; ${visitor.cookie}`,
  ];
  let expected = 1;
  for (const cookie of found) assert.equal(await newVisitor(cookie).visit(), ++expected, cookie);
  const notFound = [
    visitor.cookie.replace("sid", "SID"),
    visitor.cookie.replace("sid", "__Host-sid"),
    visitor.cookie.replace("sid=", "asid="),
    `sid="${visitor.id}"`,
    `sid=%41${visitor.id.slice(1)}`,
    `sid=${visitor.id}x`,
    `sid=${"y".repeat(2000)}`,
    `theme=dark,${visitor.cookie}`,
    "sid",
    "=",
    ";",
  ];
  for (const cookie of notFound) assert.equal(await newVisitor(cookie).visit(), 1, cookie);
  assert.equal(await visitor.visit(), expected + 1);
});

it("survives requests that no browser sends", async () => {
  const visitor = newVisitor();
  await visitor.visit();
  const head = `Host: localhost:${port}\r\nConnection: close\r\n`;
  const requests = [
    `GET / HTTP/1.1\r\n${head}Cookie: a=${"x".repeat(64 * 1024)}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${head}Cookie: ${"sid=x; ".repeat(9000)}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${head}${`Cookie: sid=${unknownId}\r\n`.repeat(1000)}\r\n`,
    `GET / HTTP/1.1\r\n${head}Cookie: sid=\xff\xfe\x80\r\n\r\n`,
    `GET / HTTP/1.1\r\n${head}Cookie: sid=\x01\x02\r\n\r\n`,
    `GET /room/${"a".repeat(64 * 1024)} HTTP/1.1\r\n${head}\r\n`,
    `GET // HTTP/1.1\r\n${head}\r\n`,
    `GET /../../etc/passwd HTTP/1.1\r\n${head}\r\n`,
    `TRACE / HTTP/1.1\r\n${head}\r\n`,
    `GET / HTTP/1.1\r\nConnection: close\r\n\r\n`,
    `POST /logout HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\nhello`,
  ];
  for (const request of requests) {
    const status = await sendRaw(port, request);
    assert.ok(status === undefined || status < 500, `${status} for ${request.slice(0, 70)}`);
  }
  // Some runtimes answer these themselves, with 500 or 501.
  await sendRaw(port, "nonsense\r\n\r\n");
  await sendRaw(port, `OPTIONS * HTTP/1.1\r\n${head}\r\n`);
  await sendRaw(port, `GET http://[ HTTP/1.1\r\n${head}\r\n`);
  await sendRaw(port, "GET / HTTP/1.1\r\nHost: a b:c\r\nConnection: close\r\n\r\n");
  assert.equal(await visitor.visit(), 2);
});

it("escapes what it shows, and runs no script but its own", async () => {
  const visitor = newVisitor();
  const attack = "</strong><script>alert(1)</script><img src=x onerror='alert(2)'>\"&";
  const page = await visitor.send(`/room/${encodeURIComponent(attack)}`);
  assert.equal(visitsOn(page), 1);
  assert.ok(page.body.includes("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=&#39;"));
  assert.ok(page.body.includes("&quot;&amp;"));
  const after = await visitor.send("/room/%E0%A4%A");
  assert.equal(visitsOn(after), 2);
  for (const { body, headers } of [page, after]) {
    assert.equal(body.match(/<script/g).length, 1);
    assert.ok(!/<[^>]*\s(on\w+|style)\s*=/i.test(body));
    const policy = headers["content-security-policy"];
    const nonce = /script-src 'nonce-([\w-]+)'/.exec(policy)[1];
    assert.ok(body.includes(`<script type="module" nonce="${nonce}">`));
    assert.match(policy, /default-src 'none'.*form-action 'self'.*base-uri 'none'.*frame-ancestors 'none'/);
    assert.ok(!policy.includes("unsafe"));
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["referrer-policy"], "same-origin");
  }
  const nonces = [page, after].map(({ headers }) => headers["content-security-policy"]);
  assert.notEqual(nonces[0], nonces[1]);
  const api = await visitor.send("/api/session");
  assert.equal(api.headers["content-type"], "application/json");
});

it("serves the browser test page, with a policy that lets nothing else in", async () => {
  const page = await send(port, "/page/");
  assert.equal(page.status, 200);
  assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
  assert.equal(page.headers["set-cookie"], undefined);
  const map = /<script type="importmap">([^]*?)<\/script>/.exec(page.body)[1];
  const hash = createHash("sha256").update(map).digest("base64");
  const policy = page.headers["content-security-policy"];
  assert.ok(policy.includes(`script-src 'self' 'wasm-unsafe-eval' 'sha256-${hash}';`), policy);
  assert.match(policy, /default-src 'none'.*form-action 'none'.*base-uri 'none'.*frame-ancestors 'self'/);
  assert.ok(!policy.includes("unsafe-inline") && !policy.includes("'unsafe-eval'"));
  assert.equal(page.body.match(/<script/g).length, 2);
  assert.ok(!/<[^>]*\s(on\w+|style)\s*=/i.test(page.body));
  for (const [, path] of page.body.matchAll(/ (?:src|href)="([^"#]+)"/g)) {
    assert.equal((await send(port, new URL(path, "http://host/page/").pathname)).status, 200, path);
  }
  const redirect = await send(port, "/page");
  assert.deepEqual([redirect.status, redirect.headers.location], [303, "/page/"]);
  assert.match((await send(port, "/")).body, /href="\/page\/"/);
});

it("serves the page's files by their types, and to HEAD without a body", async () => {
  const types = {
    "page.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "page.mjs": "text/javascript; charset=utf-8",
    "kit-worker.mjs": "text/javascript; charset=utf-8",
    "packages/sessile/index.js": "text/javascript; charset=utf-8",
    "packages/sessile/testing.js": "text/javascript; charset=utf-8",
    "packages/sessile/wasm/sessile.wasm": "application/wasm",
    "packages/idb-keyval.js": "text/javascript; charset=utf-8",
    "packages/localforage.js": "text/javascript; charset=utf-8",
    "packages/dexie.mjs": "text/javascript; charset=utf-8",
  };
  for (const [name, type] of Object.entries(types)) {
    const file = await send(port, `/page/${name}`);
    assert.deepEqual([file.status, file.headers["content-type"]], [200, type], name);
    assert.ok(file.body.length > 100, name);
    assert.equal(file.headers["x-content-type-options"], "nosniff", name);
    assert.match(file.headers["content-security-policy"], /^default-src 'none'/, name);
    const head = await send(port, `/page/${name}`, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers["content-type"], head.body], [200, type, ""], name);
  }
});

it("serves no file but the page's own, whatever it is asked for", async () => {
  const asked = [
    "/page/nothing.mjs",
    "/page/index",
    "/page/packages",
    "/page/packages/",
    "/page/packages/sessile/",
    "/page/packages/sessile/index.d.ts",
    "/page/packages/sessile/package.json",
    "/page/packages/sessile/../package.json",
    "/page/../app.mjs",
    "/page/../../demo/app.mjs",
    "/page/..%2fapp.mjs",
    "/page/%2e%2e/app.mjs",
    "/page/%2e%2e%2fdemo%2fapp.mjs",
    "/page/..%5capp.mjs",
    "/page/....//app.mjs",
    "/page//etc/passwd",
    "/page/%2fetc%2fpasswd",
    "/page/page.css%00",
    "/page/page.css%00.mjs",
    "/page/%00",
    "/page/page%2ecss",
    "/page/page.css/",
    "/page/PAGE.CSS",
    "/page/constructor",
    "/page/__proto__",
    "/page/%ff",
    "/page/%",
    `/page/${"a".repeat(4000)}`,
    "/pages/",
    "/page.css",
  ];
  for (const path of asked) {
    for (const method of ["GET", "HEAD"]) {
      const { status, headers } = await send(port, path, { method });
      assert.equal(status, 404, `${method} ${path}`);
      assert.equal(headers["content-type"], "text/plain; charset=utf-8");
    }
  }
  for (const target of ["/page/../app.mjs", "/page/\x00", "/page/..\\app.mjs", "/page/../../../etc/passwd"]) {
    const head = `Host: localhost:${port}\r\nConnection: close\r\n\r\n`;
    const status = await sendRaw(port, `GET ${target} HTTP/1.1\r\n${head}`);
    // What is no address at all, some runtimes refuse themselves, by other words.
    assert.ok(status === undefined || status >= 400, `${status} for ${target}`);
  }
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
    for (const path of ["/page/", "/page/page.css"]) {
      const response = await send(port, path, { method });
      assert.deepEqual([response.status, response.headers.allow], [405, "GET, HEAD"], `${method} ${path}`);
    }
  }
});

raceCases(it, port);

it("wrote nothing of an id into its log", async () => {
  const visitor = newVisitor();
  await visitor.visit();
  await visitor.logout();
  await newVisitor(visitor.cookie).visit();
  assert.doesNotMatch(output().replace(/\S*\/\S*/g, ""), /[\w-]{43}/);
});

it("ends in good order on SIGTERM", async () => {
  const { code, output: text } = await stop("SIGTERM");
  assert.equal(code, 0, text);
});

it("gives browsers on https a __Host- cookie, and takes no other", async () => {
  const server = await start(command, folder, { SECURE: "1" });
  try {
    const visitor = new Visitor(server.port);
    const first = await visitor.send("/");
    assert.match(
      first.headers["set-cookie"][0],
      /^__Host-sid=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    );
    assert.equal(await visitor.visit(), 2);
    assert.equal(await new Visitor(server.port, `sid=${visitor.id}`).visit(), 1);
    assert.equal((await visitor.logout()).status, 403);
    const old = visitor.cookie;
    const response = await visitor.logout({ origin: `https://localhost:${server.port}` });
    assert.equal(response.status, 303);
    assert.match(response.headers["set-cookie"][0], /^__Host-sid=; Max-Age=0; Path=\/; .*Secure$/);
    assert.equal((await new Visitor(server.port, old).look()).session, null);
    await checkSecureRace(server.port);
  } finally {
    const { code, output: text } = await server.stop("SIGINT");
    assert.equal(code, 0, text);
  }
});

it("says what is wrong with a PORT that is none", async () => {
  const { ended: end } = await start(command, folder, { PORT: "eighty" });
  assert.notEqual(end.code, 0);
  assert.match(end.output, /PORT must be a number from 0 to 65535, not "eighty"/);
});

let failed = 0;
for (const { name, run } of cases) {
  try {
    await run();
    console.log(`ok   ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}\n${error.stack}`);
  }
}
await stop("SIGKILL");
console.log(`${cases.length - failed} passed, ${failed} failed`);
// A server that outlives its parent by a mistake would keep the pipes, and this process, open.
process.exit(failed > 0 ? 1 : 0);

// What the page can do without a browser: reading JSON, writing commands, telling the course of a call. Each of these meets text from
// outside, so each is held to what it must not do as well.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, mock, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const fixtures = join(root, "tests/fixtures/retell");

// Node takes a file with this ending for a module only where a package says so; the page's folder has none.
const folder = mkdtempSync(join(tmpdir(), "hookswitch-lib-"));
cpSync(join(root, "src/admin/ui"), folder, { recursive: true });
writeFileSync(join(folder, "package.json"), '{"type":"module"}');
after(() => rmSync(folder, { recursive: true, force: true }));
const load = (name) => import(pathToFileURL(join(folder, name)));

const { compact, parse, pretty, JsonError } = await load("lib/json.js");
const { curl, quote } = await load("lib/curl.js");
const { conversation } = await load("lib/transcript.js");
const { course, outstanding } = await load("lib/course.js");
const { deliveredMs, latestByTarget, ofArrival, stateOf } = await load("lib/deliveries.js");
// Its clock would keep this from ending.
const interval = mock.method(globalThis, "setInterval", () => {});
const { bytes } = await load("lib/format.js");
interval.mock.restore();
const { places } = await load("lib/marks.js");

// ---- JSON ----

/** Numbers that look drawn, the same ones in every run. */
function* drawn(seed) {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    yield state / 2 ** 32;
  }
}

test("JSON is what the language says it is, and nothing else", () => {
  const seeds = ['{"a":[1,2,{"b":null}],"c":"x\\u00e9\\n"}', "[]", "{}", '"s"', "-0.5e+10", "[1,]", '{"a":1,}', "nul", "01", "1.", '"\u0001"', '{"a" :\n\t1}', '{"1":1,"0":2,"1":3}'];
  const pieces = ["{", "}", "[", "]", '"', ",", ":", "0", "-", "1", ".", "e", "E", "\\", "n", "u", " ", "\n"];
  const chance = drawn(7);
  const below = (limit) => Math.floor(chance.next().value * limit);
  let valid = 0;
  for (let turn = 0; turn < 20_000; turn += 1) {
    let text = seeds[turn % seeds.length];
    for (let edits = below(3); edits > 0; edits -= 1) {
      const at = below(text.length + 1);
      text = text.slice(0, at) + (below(2) ? pieces[below(pieces.length)] : "") + text.slice(at + below(2));
    }
    let expected;
    try {
      expected = JSON.stringify(JSON.parse(text));
    } catch {
      assert.throws(() => parse(text), JsonError, JSON.stringify(text));
      continue;
    }
    valid += 1;
    assert.equal(JSON.stringify(JSON.parse(pretty(parse(text)))), expected, JSON.stringify(text));
  }
  assert.ok(valid > 2_000, `only ${valid} texts were JSON`);
});

test("nothing is lost of what stands in a document", () => {
  const text = '{"id":12345678901234567890123,"2":"b","1":"a","1":"again","x":1.10,"__proto__":{"y":1}}';
  assert.equal(compact(parse(text)), text);
  assert.equal(pretty(parse(text)).replaceAll(/\s/g, ""), text);
  assert.equal({}.y, undefined);
});

test("a fault is told with its place", () => {
  assert.throws(() => parse('{\n  "a": 1,\n  oops\n}'), /^JsonError: line 3, column 3: a member's name/);
  assert.throws(() => parse("[".repeat(100_000)), /nested deeper/);
});

// ---- commands ----

const BODIES = [
  "{}",
  `{"a":"it's $(touch PWNED) \`touch PWNED\` \\\\ \\n !! %s %d \\"x\\""}`,
  "@/etc/passwd",
  "'",
  "''''",
  "a\nb\n",
  "\n",
  "",
  "-X DELETE",
  "tab\there",
  "cr\r\n",
  "\u001b[31m\u0003",
  "\ufeff{}",
  "ünïcödé 日本 \u{1f600} \u202eevil",
  "x".repeat(200_000),
];

test("a copied command posts exactly the body, and runs nothing", async () => {
  const got = {};
  let stored;
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    if (request.url === "/stored") return response.end(stored);
    got.body = Buffer.concat(parts);
    got.type = request.headers["content-type"];
    got.url = request.url;
    return response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const base = `http://127.0.0.1:${server.address().port}`;
  const contentType = "application/json; x='y'";
  const binary = Buffer.from([0, 255, 254, 10, 0]);
  for (const body of [...BODIES.map((text) => Buffer.from(text)), binary]) {
    for (const query of ["", "a=1&b='x'$(touch${IFS}PWNED)", "a[]={1,2}"]) {
      stored = body;
      const command = curl({ address: `${base}/webhook`, query, contentType, body: new Uint8Array(body), from: `${base}/stored` });
      await promisify(execFile)("sh", ["-c", command], { cwd: folder });
      assert.ok(body.equals(got.body), command.slice(0, 200));
      assert.equal(got.type, contentType);
      assert.ok(decodeURI(got.url).startsWith(query ? "/webhook?a" : "/webhook"));
      assert.doesNotMatch(command, /[\u0000-\u0009\u000b-\u001f\u007f\u202a-\u202e]/, "what a terminal would act on");
    }
  }
  assert.ok(!existsSync(join(folder, "PWNED")));
  server.closeAllConnections();
  server.close();
});

test("a word is quoted only where it must be", () => {
  assert.equal(quote("http://127.0.0.1:8080/webhook"), "http://127.0.0.1:8080/webhook");
  assert.equal(quote("it's"), "'it'\\''s'");
  assert.equal(quote(""), "''");
});

// ---- conversations ----

test("every fixture with a transcript is a conversation", () => {
  let seen = 0;
  for (const name of readdirSync(fixtures).filter((file) => file.endsWith(".json"))) {
    const document = JSON.parse(readFileSync(join(fixtures, name), "utf8"));
    const { turns } = conversation(document);
    const subject = document.call ?? document.chat;
    const told = subject?.transcript ?? subject?.transcript_object ?? document.transcript_with_tool_calls;
    if (!told || told.length === 0) continue;
    seen += 1;
    assert.ok(turns.length > 0, name);
    assert.ok(turns.every(({ text, kind }) => typeof text === "string" && kind), name);
  }
  assert.ok(seen >= 8, `only ${seen} fixtures have one`);
});

test("turns have their time, and tools their name", () => {
  const { turns, start } = conversation(JSON.parse(readFileSync(join(fixtures, "call_analyzed.json"), "utf8")));
  assert.equal(start, 1772553601234);
  assert.deepEqual({ kind: turns[0].kind, at: turns[0].at }, { kind: "agent", at: 420 });
  assert.ok(turns.some(({ kind, name }) => kind === "tool" && name === "find_patient"));
});

test("what has another form than expected is left out", () => {
  for (const odd of [null, 7, "text", [], { call: 7 }, { call: { transcript_object: [null, 7, {}, { role: 7 }] } }, { call: { transcript: 7, start_timestamp: "x" } }]) {
    assert.deepEqual(conversation(odd).turns, [], JSON.stringify(odd));
  }
});

// ---- the course of a call ----

let ids = 0;
const event = (name, second, deliveries = [], more = {}) => {
  ids += 1;
  return { id: `id-${String(ids).padStart(4, "0")}`, event: name, received_at: new Date(second * 1_000).toISOString(), state: "routed", deliveries, ...more };
};
const delivery = (id, target, state, more = {}) => ({ id, target, state, attempts: 1, replay: false, ...more });

test("a call is told in order, with what is missing where it belongs", () => {
  const [analyzed, started] = [event("call_analyzed", 90), event("call_started", 10)];
  const told = course([analyzed, started]);
  assert.deepEqual(told.events.map(({ event: name }) => name), ["call_started", "call_analyzed"]);
  assert.deepEqual(told.missing.map(({ name, before }) => [name, before]), [["call_ended", analyzed.id]]);
  assert.match(told.missing[0].text, /^A later event is here/);
  assert.deepEqual(course([event("chat_started", 1)]).missing.map(({ name, before }) => [name, before]), [["chat_ended", undefined], ["chat_analyzed", undefined]]);
});

test("an event that came behind its successor is out of order", () => {
  const late = event("call_started", 20);
  assert.deepEqual([...course([event("call_ended", 10), late]).late], [late.id]);
  assert.equal(course([event("call_started", 10), event("call_ended", 20)]).late.size, 0);
});

test("outstanding is what waits and what died and was not made good", () => {
  const events = [
    event("call_ended", 1, [delivery(1, "crm", "dead", { reason: "rejected" }), delivery(2, "crm", "delivered", { replay: true })]),
    event("call_analyzed", 2, [delivery(3, "slack", "pending"), delivery(4, "crm", "dead", { reason: "expired" }), delivery(5, "x", "dead", { reason: "dropped" })]),
  ];
  assert.deepEqual(outstanding(events).map(({ delivery: { id } }) => id), [4, 3]);
});

test("deliveries are told apart as people do", () => {
  assert.equal(stateOf(delivery(1, "crm", "pending", { attempts: 0 })), "waiting");
  assert.equal(stateOf(delivery(1, "crm", "pending")), "retrying");
  assert.equal(stateOf(delivery(1, "crm", "dead", { reason: "dropped" })), "dropped");
  assert.deepEqual(latestByTarget([delivery(1, "crm", "dead"), delivery(2, "log", "delivered"), delivery(3, "crm", "delivered")]).map(({ id }) => id), [3, 2]);
  const done = (second) => ({ ended_at: new Date(second * 1_000).toISOString() });
  assert.equal(deliveredMs(event("e", 1, [delivery(1, "crm", "delivered", done(2)), delivery(2, "log", "delivered", done(4)), delivery(3, "log", "dead", { replay: true })])), 3_000);
  assert.equal(deliveredMs(event("e", 1, [delivery(1, "crm", "pending")])), undefined);
});

test("sizes have units of a thousand, or of 1,024", () => {
  assert.deepEqual([0, 9, 999, 1_000, 15_940, 999_499, 999_500, 73e6, 2e9, 3.25e12].map((number) => bytes(number)), ["0 B", "9 B", "999 B", "1.0 KB", "16 KB", "999 KB", "1.0 MB", "73 MB", "2.0 GB", "3.3 TB"]);
  assert.deepEqual([1_023, 1_024, 1.5 * 2 ** 30, 10 * 2 ** 30, 2 ** 40].map((number) => bytes(number, 1_024)), ["1023 B", "1.0 KiB", "1.5 GiB", "10 GiB", "1.0 TiB"]);
});

test("a search marks what stands there, also where letters change their length", () => {
  assert.deepEqual(places("aAbaa", "a"), [0, 1, 3, 4]);
  assert.deepEqual(places("aaa", "aa"), [0]);
  assert.deepEqual(places("İx X", "x"), [1]);
  assert.deepEqual(places("anything", ""), []);
});

test("an event that a person made counts from its first deliveries", () => {
  const time = (second) => new Date(second * 1_000).toISOString();
  const done = (from, to) => ({ created_at: time(from), ended_at: time(to), replay: true });
  const made = event("e", 1, [delivery(1, "crm", "delivered", done(1, 3)), delivery(2, "crm", "delivered", done(59, 60)), delivery(3, "log", "delivered", done(59, 61))], { edited_from: "id-0" });
  assert.equal(deliveredMs(made), 2_000);
  assert.deepEqual(ofArrival(made).map(({ id }) => id), [1]);
  assert.equal(deliveredMs({ ...made, edited_from: undefined }), undefined);
});

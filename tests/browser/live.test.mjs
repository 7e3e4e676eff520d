// The screen Live: events as they arrive, also over a restart; filters; the keyboard; older ones on demand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NARROW } from "./harness/browser.mjs";
import { Instance, eventually } from "./harness/instance.mjs";
import { stage } from "./harness/stage.mjs";
import { analyzed, plain, rules } from "./harness/traffic.mjs";

const on = stage((receiver) => {
  receiver.answers("/refuser", 400, "no such call");
  return { rules: rules(receiver) };
});
const row = (page, call) => page.getByRole("row").filter({ hasText: call });

test("without an event it says what to do next", async (t) => {
  const instance = await Instance.start({ rules: rules(on.receiver) });
  t.after(() => instance.close());
  const page = await on.open(t, "/", { instance });
  await page.getByRole("heading", { name: "No event has arrived yet" }).waitFor();
  await page.getByText(`http://${instance.listen}/webhook`, { exact: true }).waitFor();
});

test("an event appears as it arrives, with what becomes of it, and opens", async (t) => {
  const page = await on.open(t, "/");
  await page.getByRole("heading", { name: "Live" }).waitFor();
  await on.instance.send(plain("call_ended", { call_id: "call_new" }));
  await row(page, "call_new").waitFor();
  await row(page, "call_new").getByText("ended calls to the refuser").waitFor();
  await row(page, "call_new").getByTitle(/^refuser: dead/).waitFor();
  await row(page, "call_new").getByRole("link", { name: "call_ended" }).click();
  await page.waitForURL(/\/events\/[0-9a-f-]{36}$/);
  await page.getByRole("heading", { name: "call_ended" }).waitFor();
});

test("what arrives between the first page and the stream is not missing", async (t) => {
  const page = await on.open(t, "/status");
  let listed;
  const first = new Promise((found) => (listed = found));
  await page.route("**/api/v1/events?*", async (route) => {
    await route.fulfill({ response: await route.fetch() });
    listed();
  });
  await page.route("**/api/v1/events/stream*", async (route) => {
    await first;
    await on.instance.send(analyzed({ call_id: "call_between" }));
    await page.unroute("**/api/v1/events/stream*");
    await route.continue();
  });
  await page.getByRole("link", { name: "Live" }).click();
  await row(page, "call_between").waitFor();
});

test("it goes on by itself after a restart, and nothing is missing", async (t) => {
  const instance = await Instance.start({ rules: rules(on.receiver) });
  t.after(() => instance.close());
  const page = await on.open(t, "/", { instance });
  await instance.send(analyzed({ call_id: "call_before" }));
  await row(page, "call_before").waitFor();
  const loads = await page.evaluate(() => performance.timeOrigin);
  await instance.restart();
  await instance.send(analyzed({ call_id: "call_after" }));
  await row(page, "call_after").waitFor();
  await instance.send(analyzed({ call_id: "call_later" }));
  await row(page, "call_later").waitFor();
  await row(page, "call_before").waitFor();
  assert.equal(await page.evaluate(() => performance.timeOrigin), loads, "the page was not loaded anew");
});

test("filters narrow the list, stay in the address, and go with Back", async (t) => {
  await on.instance.send(analyzed({ call_id: "call_f1", agent_id: "agent_one" }));
  const dead = await on.instance.send(plain("call_ended", { call_id: "call_f2", agent_id: "agent_two" }));
  await on.instance.event(dead, ({ deliveries }) => deliveries[0]?.state === "dead");
  const page = await on.open(t, "/");
  await row(page, "call_f1").waitFor();
  await page.getByRole("combobox", { name: "State" }).selectOption("dead");
  await row(page, "call_f1").waitFor({ state: "detached" });
  await row(page, "call_f2").waitFor();
  assert.match(page.url(), /state=dead/);
  await page.reload();
  await row(page, "call_f2").waitFor();
  assert.equal(await row(page, "call_f1").count(), 0);
  await page.keyboard.press("x");
  await row(page, "call_f1").waitFor();
  await page.getByRole("combobox", { name: "Agent" }).fill("agent_one");
  await page.keyboard.press("Enter");
  await page.waitForURL(/agent=agent_one/);
  await row(page, "call_f2").waitFor({ state: "detached" });
  await row(page, "call_f1").waitFor();
});

test("Back undoes one filter after the other, and a search as a whole", async (t) => {
  await on.instance.send(analyzed({ call_id: "call_b1", agent_id: "agent_back" }));
  const page = await on.open(t, "/status");
  await page.getByRole("link", { name: /^Live/ }).click();
  const state = page.getByRole("combobox", { name: "State" });
  await state.selectOption("unrouted");
  await page.waitForURL(/state=unrouted$/);
  await state.selectOption("routed");
  await page.waitForURL(/state=routed$/);
  await page.getByRole("combobox", { name: "Agent" }).fill("agent_back");
  await page.keyboard.press("Enter");
  await page.waitForURL(/agent=agent_back/);
  await page.keyboard.press("/");
  await page.keyboard.type("call");
  await page.waitForURL(/text=call/);
  await page.keyboard.type("_b1");
  await page.waitForURL(/text=call_b1/);
  await page.goBack();
  await page.waitForURL((url) => !url.searchParams.has("text") && url.searchParams.has("agent"));
  assert.equal(await page.getByRole("searchbox").inputValue(), "");
  await page.goBack();
  await page.waitForURL(/state=routed$/);
  await page.goBack();
  await page.waitForURL(/state=unrouted$/);
  assert.equal(await state.inputValue(), "unrouted");
  await page.goBack();
  await page.waitForURL((url) => url.pathname === "/" && url.search === "");
  await page.goBack();
  await page.waitForURL(/\/status$/);
});

test("a text is found in bodies", async (t) => {
  await on.instance.send(analyzed({ call_id: "call_t1", transcript: "User: the purple elephant called\n" }));
  await on.instance.send(analyzed({ call_id: "call_t2" }));
  const page = await on.open(t, "/");
  await row(page, "call_t2").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("PURPLE elephant");
  await page.keyboard.press("Enter");
  await row(page, "call_t1").waitFor();
  await row(page, "call_t2").waitFor({ state: "detached" });
  await page.waitForURL(/text=/);
});

test("it is worked on the keyboard alone", async (t) => {
  await on.instance.send(analyzed({ call_id: "call_k1" }));
  await on.instance.send(analyzed({ call_id: "call_k2" }));
  const page = await on.open(t, "/?event=call_analyzed");
  await row(page, "call_k2").waitFor();
  await page.keyboard.press("j");
  await page.locator('[role=row][aria-current="true"]').filter({ hasText: "call_k2" }).waitFor();
  await page.keyboard.press("j");
  await page.locator('[role=row][aria-current="true"]').filter({ hasText: "call_k1" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "call_analyzed" }).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL(/\/\?event=call_analyzed/);
  await page.keyboard.press("?");
  const help = page.getByRole("dialog", { name: "Keys and signs" });
  await help.getByText("Next event", { exact: true }).waitFor();
  await page.keyboard.press("Escape");
  await help.waitFor({ state: "detached" });
  for (const [keys, heading] of [["gr", "Rules"], ["gt", "Targets"], ["gs", "Status"], ["gl", "Live"]]) {
    await page.keyboard.type(keys);
    await page.getByRole("heading", { name: heading, exact: true, level: 1 }).waitFor();
  }
});

test("while it is paused nothing moves, and new ones are counted", async (t) => {
  const page = await on.open(t, "/");
  await on.instance.send(analyzed({ call_id: "call_p1" }));
  await row(page, "call_p1").waitFor();
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "Go on" }).waitFor();
  await on.instance.send(analyzed({ call_id: "call_p2" }));
  const pill = page.getByRole("button", { name: "1 new event" });
  await pill.waitFor();
  assert.equal(await row(page, "call_p2").count(), 0);
  await pill.click();
  await row(page, "call_p2").waitFor();
});

test("older events come as one scrolls, and only what is seen is in the document", async (t) => {
  const instance = await Instance.start({ rules: rules(on.receiver) });
  t.after(() => instance.close());
  for (let number = 0; number < 260; number += 1) await instance.send(plain("call_started", { call_id: `call_o${String(number).padStart(3, "0")}` }));
  for (const size of [undefined, NARROW]) {
    const page = await on.open(t, "/", { instance, ...(size && { size }) });
    await row(page, "call_o259").waitFor();
    const list = page.locator(".rows");
    await list.hover();
    await eventually("the oldest is there", async () => {
      await page.mouse.wheel(0, 2_000);
      return (await row(page, "call_o000").count()) > 0;
    });
    assert.ok((await page.getByRole("row").count()) < 120, "rows out of sight are not in the document");
    await list.getByText(/^260 events\. That is all there is\.$/).waitFor();
  }
});

test("a space that is typed last stays, though it is not looked for", async (t) => {
  const page = await on.open(t, "/");
  const field = page.getByRole("searchbox", { name: "Text in events" });
  await field.pressSequentially("purple ");
  await page.waitForURL(/text=purple$/);
  await field.pressSequentially("elephant");
  await page.waitForURL(/text=purple(\+|%20)elephant$/);
  assert.equal(await field.inputValue(), "purple elephant");
});

test("arrows go to the next event, but scroll where something scrolls by itself", async (t) => {
  for (const call of ["call_s1", "call_s2"]) await on.instance.send(analyzed({ call_id: call }));
  const page = await on.open(t, "/");
  await page.getByRole("row").filter({ hasText: "call_s2" }).getByRole("link", { name: "call_analyzed" }).click();
  await page.waitForURL(/events/);
  const here = page.url();
  const body = page.getByRole("region", { name: "What arrived" }).locator(".tree");
  await body.getByText("call_s2").first().waitFor();
  await body.press("ArrowDown");
  assert.equal(page.url(), here);
  await body.press("j");
  await page.waitForURL((url) => url.href !== here);
});

test("many targets are one line of signs, and a number", async (t) => {
  const names = Array.from({ length: 12 }, (_, index) => `target-${index}`);
  const targets = names.map((name) => `  ${name}: { kind: http, url: "${on.receiver.url}/many" }\n`).join("");
  const instance = await Instance.start({ rules: `version: 1\nsources: { retell: { path: /webhook, verify: none } }\ntargets:\n${targets}fallback: [${names}]\n` });
  t.after(() => instance.close());
  await instance.send(plain("call_ended", { call_id: "call_many" }));
  for (const width of [1440, 1101, 800, 360]) {
    const page = await on.open(t, "/", { instance, size: { width, height: 700 } });
    await page.getByText("+7", { exact: true }).waitFor();
    const [cell, signs] = [await page.locator(".event-row:not(.is-head) .cell-targets").boundingBox(), await page.locator(".dots").boundingBox()];
    assert.ok(signs.width <= cell.width && signs.height < 24, `${width}: ${JSON.stringify({ cell, signs })}`);
  }
});

test("a wrong address says so, and leads to the events", async (t) => {
  const page = await on.open(t, "/nowhere");
  await page.getByRole("heading", { name: "There is nothing at this address" }).waitFor();
  await page.getByRole("link", { name: "To the live events" }).click();
  await page.getByRole("heading", { name: "Live", level: 1 }).waitFor();
});

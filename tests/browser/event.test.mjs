// The screens Event and Call: everything about one event and about one call, and what can be done with them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { NARROW } from "./harness/browser.mjs";
import { Instance, eventually } from "./harness/instance.mjs";
import { stage } from "./harness/stage.mjs";
import { analyzed, plain, rules } from "./harness/traffic.mjs";

const on = stage((receiver) => {
  receiver.answers("/refuser", 400, "no such call");
  return {
    rules: rules(receiver, `  - name: tried out in shadow
    when: { event: call_analyzed }
    to: [refuser]
    mode: shadow
`).replace("rules:\n", "rules:\n  - { name: trials, when: { query: { test: \"1\" } }, ignore: true }\n"),
  };
});
const settled = ({ deliveries }) => deliveries.length > 0 && deliveries.every(({ state }) => state !== "pending");

test("an event shows its attempts, why it went there, its body, its conversation and its request", async (t) => {
  const id = await on.instance.send(analyzed({ call_id: "call_e1" }));
  await on.instance.event(id, settled);
  const page = await on.open(t, `/events/${id}`);
  const fate = page.getByRole("region", { name: "What became of it" });
  await fate.getByText("crm", { exact: true }).first().waitFor();
  await fate.getByText("delivered").first().waitFor();
  await fate.getByText(/200/).first().waitFor();
  await page.keyboard.press("2");
  await fate.getByText("analysed calls to the CRM").first().waitFor();
  await fate.getByText("$.call.call_analysis.user_sentiment").first().waitFor();
  await fate.getByText("1 rule matches").waitFor();

  const arrived = page.getByRole("region", { name: "What arrived" });
  await page.keyboard.press("3");
  await arrived.getByText("agent_front_desk").first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("WEDNESDAY");
  await arrived.getByText("1 of 1").waitFor();
  await arrived.locator("mark.is-current").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await arrived.getByRole("button", { name: "Raw" }).click();
  await arrived.getByRole("region", { name: "Body as it came" }).getByText('"call_id":"call_e1"').waitFor();
  await page.keyboard.press("4");
  await arrived.getByText("Hi, this is Dana Whitfield").waitFor();
  await page.keyboard.press("5");
  await arrived.getByText("axios/1.7.2").waitFor();
});

test("a long word stays within its bubble, and the bubble within its card", async (t) => {
  const [said, answered] = ["Pneumonoultramicroscopicsilicovolcanoconiosis".repeat(2), "x".repeat(68)];
  const id = await on.instance.send(analyzed({ call_id: "call_word", transcript_object: [{ role: "user", content: said, words: [] }, { role: "agent", content: answered, words: [] }] }));
  const page = await on.open(t, `/events/${id}`, { size: NARROW });
  await page.getByRole("tab", { name: "Conversation" }).click();
  const card = await page.getByRole("region", { name: "What arrived" }).boundingBox();
  for (const text of [said, answered]) {
    const bubble = await page.locator(".turn p", { hasText: text }).boundingBox();
    assert.ok(bubble.x > card.x && bubble.x + bubble.width < card.x + card.width, JSON.stringify({ bubble, card }));
  }
});

test("it is replayed to one target", async (t) => {
  const id = await on.instance.send(analyzed({ call_id: "call_e2" }));
  await on.instance.event(id, settled);
  const page = await on.open(t, `/events/${id}`);
  await page.getByText("agent_front_desk").nth(1).waitFor();
  await page.keyboard.press("r");
  const dialog = page.getByRole("dialog", { name: "Replay this event" });
  await dialog.getByText("Only to one target").click();
  await dialog.getByRole("combobox", { name: "Target" }).selectOption("warehouse");
  await dialog.getByRole("button", { name: "Replay", exact: true }).click();
  await page.getByText("1 new delivery").waitFor();
  const event = await on.instance.event(id, (event) => settled(event) && event.deliveries.length === 2);
  assert.deepEqual(event.deliveries.map(({ target, replay }) => [target, replay]).sort(), [["crm", false], ["warehouse", true]]);
  await page.getByText("warehouse", { exact: true }).first().waitFor();
});

test("it is edited and sent as a new event, where the rules say", async (t) => {
  const id = await on.instance.send(analyzed({ call_id: "call_e3" }));
  await on.instance.event(id, settled);
  const page = await on.open(t, `/events/${id}`);
  await page.getByText("agent_front_desk").nth(1).waitFor();
  await page.keyboard.press("e");
  const dialog = page.getByRole("dialog", { name: "Edit and replay" });
  const body = dialog.getByLabel("Body of the new event");
  await body.fill((await body.inputValue()).replace('"Positive"', '"Negative"'));
  await dialog.getByRole("button", { name: "Where would it go?" }).click();
  await dialog.getByText("crm, warehouse").waitFor();
  const plan = dialog.locator(".note").filter({ hasText: "It would go to" });
  assert.match(await plan.textContent(), /by analysed calls to the CRM, angry callers\.$/, "a rule in shadow is not why");
  await body.press("Control+Enter");
  await page.waitForURL((url) => /\/events\//.test(url.pathname) && !url.pathname.includes(id));
  await page.getByText("edited", { exact: true }).first().waitFor();
  const made = page.url().split("/").at(-1);
  const event = await on.instance.event(made, settled);
  assert.deepEqual(event.deliveries.map(({ target }) => target).sort(), ["crm", "warehouse"]);
  assert.equal(event.edited_from, id);
  await page.keyboard.press("r");
  await page.getByRole("dialog").getByRole("radio", { name: /^To the targets of its arrival/ }).and(page.locator(":enabled")).waitFor();
});

test("a long body is edited as it came, and what is no event is not sent, however fast one is", async (t) => {
  const body = JSON.stringify(analyzed({ call_id: "call_long", transcript: "User: on and on. ".repeat(60_000) }));
  const id = await on.instance.send(body);
  await on.instance.event(id, settled);
  const page = await on.open(t, `/events/${id}`);
  await page.getByText("agent_front_desk").nth(1).waitFor();
  await page.keyboard.press("e");
  const dialog = page.getByRole("dialog", { name: "Edit and replay" });
  const area = dialog.getByLabel("Body of the new event");
  assert.ok((await area.inputValue()) === body, "it is not set out");
  await dialog.getByText("JSON, 1.0 MB").waitFor();
  const before = on.receiver.received.length;
  await area.fill("{");
  await area.press("Control+Enter");
  await dialog.getByText("Not JSON: line 1").waitFor();
  assert.ok(page.url().endsWith(id) && on.receiver.received.length === before);
  await area.fill(body.replace("call_long", "call_longer"));
  await area.press("Control+Enter");
  await page.waitForURL((url) => /\/events\//.test(url.pathname) && !url.pathname.includes(id));
});

test("where an edited event would go takes its request and the chosen target into account", async (t) => {
  const where = async (call, path) => {
    const id = await on.instance.send(analyzed({ call_id: call }), path);
    const page = await on.open(t, `/events/${id}`);
    await page.getByText("agent_front_desk").nth(1).waitFor();
    await page.keyboard.press("e");
    const dialog = page.getByRole("dialog", { name: "Edit and replay" });
    await dialog.getByLabel("Body of the new event").press("End");
    await page.keyboard.type(" ");
    await dialog.getByRole("button", { name: "Where would it go?" }).click();
    return dialog;
  };
  const ignored = await where("call_w1", "/webhook?test=1");
  await ignored.getByText("It would be ignored by trials: nothing would be sent.").waitFor();

  const dialog = await where("call_w2", "/webhook");
  await dialog.getByText("It would go to crm, by analysed calls to the CRM.").waitFor();
  const only = dialog.getByRole("combobox", { name: "Target" });
  await only.selectOption("warehouse");
  await dialog.getByText("The rules do not send it to warehouse, only to crm: nothing would be sent.").waitFor();
  await only.selectOption("crm");
  await dialog.getByText("It would go to crm, by analysed calls to the CRM.").waitFor();
});

test("it is copied as a command that sends it again", async (t) => {
  const id = await on.instance.send(analyzed({ call_id: "call_e4" }));
  const page = await on.open(t, `/events/${id}`);
  await page.getByText("agent_front_desk").nth(1).waitFor();
  await page.keyboard.press("c");
  const copied = await eventually("something is copied", () => page.evaluate(() => navigator.clipboard.readText()));
  assert.match(copied, /curl/);
  assert.ok(copied.includes("call_e4") || copied.includes(id), copied);
});

test("it becomes a test of the rules file", async (t) => {
  const id = await on.instance.send(analyzed({ call_id: "call_e5", access_token: "secret-of-the-call" }));
  const page = await on.open(t, `/events/${id}`);
  await page.getByText("agent_front_desk").nth(1).waitFor();
  await page.keyboard.press("t");
  const dialog = page.getByRole("dialog", { name: "Save as a test" });
  await dialog.getByLabel("Name").fill("the CRM hears of it");
  await page.keyboard.press("Tab");
  const text = dialog.getByRole("region", { name: "The test as YAML" });
  await text.getByText("the CRM hears of it").waitFor();
  assert.ok((await text.textContent()).includes("call_e5"));
  assert.ok(!(await text.textContent()).includes("secret-of-the-call"));
});

test("what went nowhere has no targets of its arrival, not even once it was replayed", async (t) => {
  const id = await on.instance.send({ event: "chat_ended", chat: { chat_id: "chat_1", agent_id: "agent_front_desk" } });
  await on.instance.api(`events/${id}/replay`, { to: "warehouse" });
  await on.instance.event(id, settled);
  const page = await on.open(t, `/events/${id}`);
  await page.getByText("agent_front_desk").nth(1).waitFor();
  await page.keyboard.press("r");
  const dialog = page.getByRole("dialog", { name: "Replay this event" });
  assert.ok(await dialog.getByRole("radio", { name: /^To the targets of its arrival/ }).isDisabled());
  assert.ok(await dialog.getByRole("radio", { name: /^As the running rules say/ }).isEnabled());
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await page.keyboard.press("t");
  const name = page.getByRole("dialog", { name: "Save as a test" }).getByLabel("Name");
  assert.equal(await name.inputValue(), "chat_ended goes nowhere");
});

test("an event that is not there says so", async (t) => {
  const page = await on.open(t, "/events/0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968");
  await page.getByRole("heading", { name: "This event is not here" }).waitFor();
  await page.goto(on.instance.url("/events/not-an-id"));
  await page.getByRole("alert").getByText("is not an event id").waitFor();
});

test("a call is told in the order of arrival, with what came late and what is outstanding", async (t) => {
  await on.instance.send(plain("call_started", { call_id: "call_line" }));
  await on.instance.send(analyzed({ call_id: "call_line" }));
  const ended = await on.instance.send(plain("call_ended", { call_id: "call_line" }));
  await on.instance.event(ended, settled);
  const page = await on.open(t, "/calls/call_line");
  const line = page.getByRole("region", { name: "Time line" });
  await line.getByRole("link", { name: "call_started" }).waitFor();
  const names = await line.getByRole("link", { name: /^call_/ }).allTextContents();
  assert.deepEqual(names.filter((name) => name !== "call_line"), ["call_started", "call_analyzed", "call_ended"]);
  await line.getByText("out of order").waitFor();
  await page.getByText("refuser").first().waitFor();
  await line.getByRole("link", { name: "call_ended" }).click();
  await page.waitForURL(new RegExp(ended));
});

test("a call tells what its outstanding deliveries wait for", async (t) => {
  await on.instance.api("targets/crm/pause", {});
  t.after(() => on.instance.api("targets/crm/resume", {}));
  await on.instance.send(analyzed({ call_id: "call_waits" }));
  const page = await on.open(t, "/calls/call_waits");
  await page.getByText("call_analyzed. A person paused crm: this waits until it is resumed.").waitFor();
});

test("masked payloads stay masked until one asks", async (t) => {
  const instance = await Instance.start({ rules: rules(on.receiver).replace("version: 1\n", "version: 1\nui: { show_payloads: masked }\n") });
  t.after(() => instance.close());
  const id = await instance.send(analyzed({ call_id: "call_m1" }));
  const page = await on.open(t, `/events/${id}`, { instance });
  const arrived = page.getByRole("region", { name: "What arrived" });
  const secrets = ["Dana Whitfield", "+14155550142", "this is Nora"];
  const shown = async () => {
    let text = "";
    for (const key of ["3", "4", "5", "2"]) {
      await page.keyboard.press(key);
      await page.waitForLoadState("networkidle");
      if (key === "2") await page.getByRole("region", { name: "What became of it" }).getByText("$.call.call_analysis.user_sentiment").first().waitFor();
      text += await page.content();
    }
    return text;
  };
  await arrived.getByText("agent_front_desk").first().waitFor();
  const before = await shown();
  for (const secret of secrets) assert.ok(!before.includes(secret), `${secret} is masked`);
  await page.keyboard.press("e");
  const asked = page.getByRole("dialog", { name: "Show the payload?" });
  await asked.getByRole("button", { name: "Cancel" }).click();
  await asked.waitFor({ state: "detached" });
  await page.keyboard.press("3");
  await page.getByRole("button", { name: "Show payload" }).click();
  await page.keyboard.press("4");
  await arrived.getByText("Hi, this is Dana Whitfield").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0, "what was cancelled stays cancelled");
});

// The screen Targets: how each does, pausing, and what to do with what was given up.

import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually } from "./harness/instance.mjs";
import { stage } from "./harness/stage.mjs";
import { analyzed, plain, rules } from "./harness/traffic.mjs";

const on = stage((receiver) => {
  receiver.answers("/refuser", 400, "no such call");
  return { rules: rules(receiver) };
});

/** Ended calls, each refused by its target, so that there are as many dead letters more. */
async function refused(...calls) {
  for (const call of calls) {
    const id = await on.instance.send(plain("call_ended", { call_id: call }));
    await on.instance.event(id, ({ deliveries }) => deliveries[0]?.state === "dead");
  }
}
const deadLetters = async () => (await on.instance.api("dead-letters")).dead_letters.map(({ call }) => call).sort();
const card = (page, name) => page.getByRole("article", { name });

test("a target is paused, keeps what is for it, and goes on when it is resumed", async (t) => {
  const page = await on.open(t, "/targets");
  const warehouse = card(page, "warehouse");
  await warehouse.getByRole("button", { name: "Pause warehouse" }).click();
  await warehouse.getByText("paused", { exact: true }).waitFor();

  const id = await on.instance.send(analyzed({ call_id: "call_paused", call_analysis: { user_sentiment: "Negative" } }));
  const waiting = warehouse.getByRole("link", { name: "1", exact: true });
  await waiting.waitFor();
  assert.match(await waiting.getAttribute("href"), /target=warehouse/);

  await warehouse.getByRole("button", { name: "Resume warehouse" }).click();
  await on.instance.event(id, ({ deliveries }) => deliveries.every(({ state }) => state === "delivered"));
  await waiting.waitFor({ state: "detached" });
});

test("the keys act on the dead letter that one has gone to, whatever comes above it", async (t) => {
  await refused("call_j1", "call_j2");
  const page = await on.open(t, "/targets");
  await card(page, "refuser").getByRole("link", { name: "2", exact: true }).click();
  await page.waitForURL(/target=refuser#dead-letters$/);
  const row = (call) => page.getByRole("row").filter({ hasText: call });
  await row("call_j2").waitFor();
  await page.keyboard.press("j");
  await page.locator("tr.is-current").filter({ hasText: "call_j2" }).waitFor();
  await refused("call_j3");
  await row("call_j3").waitFor();
  await page.keyboard.press("x");
  await page.getByRole("button", { name: "Retry 1" }).waitFor();
  assert.ok(await row("call_j2").getByRole("checkbox").isChecked());
  await page.getByRole("link", { name: "Skip to the content" }).press("Enter");
  await page.waitForFunction(() => document.activeElement?.id === "main");
  await on.instance.api("dead-letters/drop", { all: true });
});

test("one dead letter is retried, one is dropped once that is confirmed, and the rest stay", async (t) => {
  await refused("call_d1", "call_d2", "call_d3");
  const page = await on.open(t, "/targets?target=refuser");
  const row = (call) => page.getByRole("row").filter({ hasText: call });
  await row("call_d1").waitFor();

  on.receiver.answers("/refuser", 200, "ok");
  await row("call_d1").getByRole("button", { name: /^Retry/ }).click();
  await row("call_d1").waitFor({ state: "detached" });
  // It left the list when it became due; only once it has arrived may the next ones be refused again.
  await eventually("call_d1 is delivered", async () => (await on.instance.api("events?call=call_d1")).events[0].deliveries.every(({ state }) => state === "delivered"));
  on.receiver.answers("/refuser", 400, "no such call");

  await row("call_d2").getByRole("button", { name: /^Drop/ }).click();
  const dialog = page.getByRole("dialog", { name: "Drop for good?" });
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.deepEqual(await deadLetters(), ["call_d2", "call_d3"], "nothing is dropped before it is confirmed");
  await row("call_d2").getByRole("button", { name: /^Drop/ }).click();
  await dialog.getByRole("button", { name: "Drop", exact: true }).click();
  await row("call_d2").waitFor({ state: "detached" });
  assert.deepEqual(await deadLetters(), ["call_d3"]);
});

test("some are chosen, all are taken", async (t) => {
  await refused("call_e1", "call_e2", "call_e3");
  const before = await deadLetters();
  const page = await on.open(t, "/targets");
  for (const call of ["call_e1", "call_e2"]) await page.getByRole("row").filter({ hasText: call }).getByRole("checkbox").check();
  await page.getByRole("button", { name: "Drop 2…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Drop", exact: true }).click();
  const left = before.filter((call) => !["call_e1", "call_e2"].includes(call));
  await eventually("two are dropped", async () => (await deadLetters()).length === left.length);
  assert.deepEqual(await deadLetters(), left);

  on.receiver.answers("/refuser", 200, "ok");
  await page.getByRole("button", { name: "Drop all…" }).click();
  await page.getByRole("dialog").getByText(left.length > 1 ? `This drops all ${left.length} dead letters.` : "This drops 1 dead letter.").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Retry all…" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
  await page.getByRole("heading", { name: "No dead letters" }).waitFor();
  assert.deepEqual(await deadLetters(), []);
  on.receiver.answers("/refuser", 400, "no such call");
});

test("all are counted before they are dropped, also those that are not shown", async (t) => {
  await refused("call_g1", "call_g2", "call_g3");
  const page = await on.open(t, "/targets");
  // As if there were more than are shown at once.
  await page.route("**/api/v1/dead-letters?*", async (route) => {
    const answer = await route.fetch();
    const { dead_letters: letters } = await answer.json();
    await route.fulfill({ response: answer, json: { dead_letters: letters.slice(0, 1), next: "more" } });
  });
  const asked = async (filter) => {
    await page.goto(on.instance.url(`/targets?${filter}`));
    await page.getByRole("row").filter({ hasText: "call_g3" }).waitFor();
    await card(page, "refuser").waitFor();
    await page.getByRole("button", { name: "Drop all…" }).click();
    return page.getByRole("dialog").getByText(/^This drops/).textContent();
  };
  assert.match(await asked(""), /^This drops all 3 dead letters\./);
  assert.match(await asked("target=refuser"), /^This drops all 3 dead letters of refuser\./);
  assert.match(await asked("reason=rejected"), /^This drops all dead letters with the reason rejected\./);
  await on.instance.api("dead-letters/drop", { all: true });
});

test("dead letters are worked through on the keyboard alone", async (t) => {
  await refused("call_k1", "call_k2");
  const page = await on.open(t, "/targets");
  await page.getByRole("row").filter({ hasText: "call_k1" }).waitFor();
  await page.keyboard.press("j");
  await page.locator("tr.is-current").filter({ hasText: "call_k2" }).waitFor();
  await page.keyboard.press("j");
  await page.locator("tr.is-current").filter({ hasText: "call_k1" }).waitFor();
  await page.keyboard.press("x");
  await page.getByRole("button", { name: "Retry 1" }).waitFor();
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/events\//);
});

test("Enter opens the event of the row that one has gone to, whatever had the focus before", async (t) => {
  await refused("call_n1", "call_n2");
  const page = await on.open(t, "/targets");
  await page.getByRole("row").filter({ hasText: "call_n1" }).waitFor();
  const before = on.receiver.received.length;
  await page.getByRole("button", { name: "Retry all…" }).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  // The dialog gives the focus back to the button that opened it.
  await page.waitForFunction(() => document.activeElement.textContent.startsWith("Retry all"));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.locator("tr.is-current").filter({ hasText: "call_n1" }).waitFor();
  await page.keyboard.press("x");
  await page.getByRole("button", { name: "Retry 1" }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/events\//);
  await page.getByText("call_n1").first().waitFor();
  assert.equal(on.receiver.received.length, before, "nothing was tried again");
});

test("Back undoes a filter of the dead letters", async (t) => {
  await refused("call_b1");
  const page = await on.open(t, "/targets");
  const reason = page.getByRole("combobox", { name: "Reason" });
  await reason.selectOption("expired");
  await page.waitForURL(/reason=expired/);
  await page.getByRole("heading", { name: "No such dead letters" }).waitFor();
  await page.goBack();
  await page.getByRole("row").filter({ hasText: "call_b1" }).waitFor();
  assert.equal(await reason.inputValue(), "");
});

test("charts say in words what they show", async (t) => {
  const page = await on.open(t, "/targets");
  const chart = card(page, "crm").getByRole("img", { name: /^Latency, 60 minutes\. .*p50: most .* ms/ });
  await on.instance.send(analyzed({ call_id: "call_chart" }));
  await eventually("the chart has a minute with an attempt", async () => {
    await page.reload();
    return chart.waitFor({ timeout: 1_500 }).then(() => true, () => false);
  });
  await card(page, "crm").getByRole("img", { name: /accepted: most \d+/ }).waitFor();
});

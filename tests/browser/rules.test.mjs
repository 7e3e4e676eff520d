// The screen Rules: the file with what is known about its lines, an event tried, a change previewed.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Instance } from "./harness/instance.mjs";
import { stage } from "./harness/stage.mjs";
import { analyzed, plain, rules } from "./harness/traffic.mjs";

const TESTS = `
tests:
  - name: an analysed call reaches the CRM
    event: { event: call_analyzed, call: { call_id: c1, agent_id: a1 } }
    expect: { to: [crm] }
  - name: this one is wrong
    event: { event: call_ended, call: { call_id: c1, agent_id: a1 } }
    expect: { to: [crm] }
`;

let text;
const on = stage(
  (receiver) => {
    text = rules(receiver, `  - name: tried out in shadow
    when: { event: call_analyzed }
    to: [refuser]
    mode: shadow
${TESTS}`);
    return { rules: text };
  },
  async ({ instance }) => {
    for (const call of ["call_r1", "call_r2"]) await instance.send(analyzed({ call_id: call }));
    await instance.send(plain("call_ended", { call_id: "call_r1" }));
  },
);

/** The number of the first line that has `part`. */
const lineOf = (part) => text.split("\n").findIndex((line) => line.includes(part)) + 1;
const line = (page, part) => page.locator(`[data-line="${lineOf(part)}"]`);

test("the running file stands there with its lines, and hits beside its rules", async (t) => {
  const page = await on.open(t, "/rules");
  await line(page, "- name: analysed calls").getByText("- name: analysed calls to the CRM").waitFor();
  const hits = line(page, "- name: analysed calls").getByRole("link", { name: /^2 hits/ });
  await hits.waitFor();
  assert.match(await hits.getAttribute("href"), /^\/\?rule=analysed/);
  await line(page, "- name: angry callers").getByText("no hits").waitFor();
  await page.getByRole("complementary", { name: /5 rules/ }).getByRole("link", { name: "angry callers" }).click();
  await page.waitForURL(new RegExp(`line=${lineOf("- name: angry callers")}`));
  await page.locator(`[data-line="${lineOf("- name: angry callers")}"].is-current`).waitFor();
});

test("a test that fails says beneath its line what differs", async (t) => {
  const page = await on.open(t, "/rules");
  await line(page, "- name: an analysed call").getByText("passed").waitFor();
  await line(page, "- name: this one is wrong").getByText("failed").waitFor();
  await page.getByText("this one is wrong failed").waitFor();
  await page.getByText("1 of 2 tests failed").waitFor();
  const answer = page.waitForResponse((one) => one.url().endsWith("/api/v1/rules/tests"));
  await page.getByRole("button", { name: "Run tests" }).click();
  assert.ok((await answer).ok());
  await page.getByText("1 of 2 tests failed").waitFor();
});

test("a pasted event is explained rule by rule, and sent nowhere", async (t) => {
  const page = await on.open(t, "/rules?tab=try");
  const before = on.receiver.received.length;
  const field = page.getByLabel("An event as JSON");
  await field.fill("{ not JSON");
  await field.press("Control+Enter");
  await page.getByText("That is no JSON").waitFor();
  await field.fill(JSON.stringify(analyzed({ call_analysis: { user_sentiment: "Negative" } })));
  await field.press("Control+Enter");
  const out = page.locator(".bench-out");
  for (const name of ["analysed calls to the CRM", "angry callers", "ended calls to the refuser"]) await out.getByText(name).first().waitFor();
  await out.getByText(`${on.receiver.url}`).first().waitFor();
  await out.getByRole("heading", { name: "What rules in shadow would send, too" }).waitFor();
  assert.equal(on.receiver.received.length, before, "trying an event sends nothing");
});

test("the latest event is taken, and an id will do", async (t) => {
  const page = await on.open(t, "/rules?tab=try");
  await page.getByRole("button", { name: "Latest event" }).click();
  const field = page.getByLabel("An event as JSON");
  await page.waitForFunction((element) => element.value.includes("call_ended"), await field.elementHandle());
  const { events } = await on.instance.api("events?event=call_analyzed&limit=1");
  await field.fill(events[0].id);
  await page.getByRole("button", { name: /^Explain/ }).click();
  await page.locator(".bench-out").getByText("analysed calls to the CRM").first().waitFor();
});

test("where payloads are masked the latest event is explained as it came, and shown masked", async (t) => {
  const masked = rules(on.receiver, "  - { name: our number, when: { fields: { $.call.from_number: \"+14155550142\" } }, to: [warehouse] }\n");
  const instance = await Instance.start({ rules: masked.replace("version: 1\n", "version: 1\nui: { show_payloads: masked }\n") });
  t.after(() => instance.close());
  const id = await instance.send(analyzed({ call_id: "call_m" }));
  const page = await on.open(t, "/rules?tab=try", { instance });
  await page.getByText("masked").first().waitFor();
  await page.getByRole("button", { name: "Latest event" }).click();
  const field = page.getByLabel("An event as JSON");
  await page.waitForFunction(([element, id]) => element.value === id, [await field.elementHandle(), id]);
  await field.press("Control+Enter");
  const out = page.locator(".bench-out");
  await out.locator(".why-rule.is-matched", { hasText: "our number" }).waitFor();
  assert.ok(!(await page.content()).includes("Dana Whitfield"));
});

test("a change is previewed: for each rule, for each target, and event by event", async (t) => {
  const page = await on.open(t, "/rules?tab=preview");
  await page.getByRole("button", { name: "The running file" }).click();
  const field = page.getByLabel("A new rules file");
  await page.waitForFunction((element) => element.value.includes("analysed calls"), await field.elementHandle());
  await field.fill((await field.inputValue()).replace("to: [crm]\n", "to: [warehouse]\n"));
  await field.press("Control+Enter");
  await page.getByText("2 events would go elsewhere.").waitFor();
  await page.getByText("Its tests were not run: hookswitch test runs them.").waitFor();
  const targets = page.getByRole("region", { name: "Deliveries for each target" });
  await targets.getByRole("row", { name: /crm/ }).getByText("−2").waitFor();
  await targets.getByRole("row", { name: /warehouse/ }).getByText("+2").waitFor();
  const differing = page.getByRole("region", { name: "Events that would go elsewhere" });
  await differing.getByText("call_r2").waitFor();
  await differing.getByRole("link", { name: "call_analyzed" }).first().click();
  await page.waitForURL(/\/events\//);
  await page.goBack();
  await page.getByText("2 events would go elsewhere.").waitFor();
  assert.equal((await on.instance.api("status")).configuration.revision.number, 1, "a preview loads nothing");
});

test("a preview warns of a rate below the traffic", async (t) => {
  const page = await on.open(t, "/rules?tab=preview");
  const slow = text.replace("crm: { kind: http,", "crm: { kind: http, rate: 1/h,");
  await page.getByLabel("A new rules file").fill(slow);
  await page.getByRole("button", { name: /^Preview/ }).click();
  await page.getByText("Nothing would go elsewhere.").waitFor();
  await page.getByText("it would get 2 deliveries, and 1/h lets 1 through").waitFor();
  await page.getByLabel("A new rules file").fill(slow.replace(TESTS, ""));
  await page.getByRole("button", { name: /^Preview/ }).click();
  await page.getByText("Nothing would go elsewhere.").waitFor();
  assert.equal(await page.getByText("tests were not run").count(), 0, "it has none");
});

test("of many events that would go elsewhere the first are shown, and said to be those", async (t) => {
  const page = await on.open(t, "/rules?tab=preview");
  await page.route("**/api/v1/preview", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace('"differing_total":2', '"differing_total":5000') });
  });
  await page.getByLabel("A new rules file").fill(text.replace("to: [crm]\n", "to: [warehouse]\n"));
  await page.getByRole("button", { name: /^Preview/ }).click();
  await page.getByText("The first 2 of 5,000, oldest first.").waitFor();
});

test("a preview is cancelled", async (t) => {
  const page = await on.open(t, "/rules?tab=preview");
  // One that never answers.
  let asked;
  const request = new Promise((now) => (asked = now));
  await page.route("**/api/v1/preview", () => asked());
  await page.getByLabel("A new rules file").fill(text);
  await page.getByRole("button", { name: /^Preview/ }).click();
  await request;
  await page.getByRole("progressbar", { name: "Events looked at" }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled. Nothing was changed.").waitFor();
  await page.unroute("**/api/v1/preview");
  await page.getByRole("button", { name: /^Preview/ }).click();
  await page.getByText("Nothing would go elsewhere.").waitFor();
});

test("a new file that would be refused says where and why", async (t) => {
  const page = await on.open(t, "/rules?tab=preview");
  await page.getByLabel("A new rules file").fill(text.replace("to: [crm]", "to: [crn]"));
  await page.getByRole("button", { name: /^Preview/ }).click();
  await page.getByText("This file would be refused").waitFor();
  await page.getByText(`line ${lineOf("to: [crm]")}`).first().waitFor();
});

test("a file is dropped in", async (t) => {
  const page = await on.open(t, "/rules?tab=preview");
  await page.locator("input[type=file]").setInputFiles({ name: "new.yaml", mimeType: "application/yaml", buffer: Buffer.from("version: 1 # chosen\n") });
  const field = page.getByLabel("A new rules file");
  await page.waitForFunction((element) => element.value.includes("chosen"), await field.elementHandle());
  const dropped = await page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.items.add(new File(["version: 1 # dropped\n"], "new.yaml"));
    return data;
  });
  await field.dispatchEvent("drop", { dataTransfer: dropped });
  await page.waitForFunction((element) => element.value.includes("dropped"), await field.elementHandle());
});

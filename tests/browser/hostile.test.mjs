// Whatever comes from outside is text and nothing else, on every screen, in every field.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fits, NARROW } from "./harness/browser.mjs";
import { ALL, HOSTILE } from "./harness/hostile.mjs";
import { eventually } from "./harness/instance.mjs";
import { stage } from "./harness/stage.mjs";
import { analyzed, rules } from "./harness/traffic.mjs";

const on = stage((receiver) => {
  receiver.answers("/refuser", 400, ALL.replaceAll("\u0000", ""));
  return {
    rules: rules(receiver, `  - name: hostile names
    when: { metadata: { hostile: true } }
    to: [refuser]
  - name: "<img src=x onerror=window.__ran=1> & \\"quoted\\" {{ 7*7 }}"
    when: { metadata: { hostile: true } }
    to: [crm]
`),
  };
});

/** An event with `text` wherever a text can be. */
function everywhere(text) {
  const event = analyzed({
    call_id: text,
    agent_id: text,
    agent_name: text,
    from_number: text,
    to_number: text,
    direction: text,
    start_timestamp: 1e20,
    disconnection_reason: text,
    metadata: { hostile: true, [text]: text },
    retell_llm_dynamic_variables: { [text]: { [text]: [text] } },
    transcript: `Agent: ${text}\nUser: ${text}\n`,
    transcript_object: [
      { role: text, content: text, words: [{ word: text, start: 0, end: 1 }] },
      { role: "user", content: text, words: [] },
      { role: "tool_call_invocation", tool_call_id: text, name: text, arguments: text },
      { role: "tool_call_result", tool_call_id: text, content: text },
    ],
    recording_url: `javascript:window.__ran=1//${text}`,
    call_analysis: { call_summary: text, user_sentiment: text, custom_analysis_data: { [text]: text } },
  });
  return { ...event, [text]: text };
}

const settled = ({ deliveries }) => deliveries.length > 0 && deliveries.every(({ state }) => state !== "pending");
/** A piece of a text that a screen shows as it is. */
const piece = (text) => text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\u0000").split("\u0000").sort((a, b) => b.length - a.length)[0].slice(0, 40);

for (const [what, text] of Object.entries(HOSTILE)) {
  test(`${what} is text on every screen`, async (t) => {
    const id = await on.instance.send(everywhere(text));
    const event = await on.instance.event(id, settled);
    const size = what === "a long word" ? NARROW : undefined;
    const page = await on.open(t, "/", size && { size });
    const harmless = async (where) => {
      await fits(page, where);
      // Nothing that came in became an element: all of these are ours to make, and we make none.
      assert.equal(await page.locator("#app script, #app img, #app iframe, #app object, #app [onerror], #app [onload], #app [onfocus], #app [autofocus]").count(), 0, where);
      const links = await page.locator("#app a[href]").evaluateAll((all) => all.map((link) => link.protocol));
      assert.ok(links.every((protocol) => protocol === "http:" || protocol === "blob:"), `${where}: ${links}`);
    };
    const seen = async (where) => {
      await eventually(`${where} shows it as text`, async () => (await page.locator("#app").textContent()).includes(piece(text)));
      await harmless(where);
    };
    await page.getByRole("row").filter({ hasText: "call_analyzed" }).first().waitFor();
    // What is too long to be a name of anything is not kept as one.
    if (event.call) await seen("Live");
    await harmless("Live");
    await page.goto(on.instance.url(`/events/${id}`));
    const arrived = page.getByRole("region", { name: "What arrived" });
    await arrived.getByText("call_analyzed").waitFor();
    for (const tab of ["Explanation", "Body", "Conversation", "Request"]) {
      await page.getByRole("tab", { name: tab }).click();
      await (tab === "Explanation" || tab === "Request" ? harmless : seen)(`Event, ${tab}`);
    }
    await page.getByRole("button", { name: /^Edit/ }).click();
    await page.getByRole("dialog", { name: "Edit and replay" }).waitFor();
    await page.keyboard.press("Escape");
    if (event.call) {
      await page.goto(on.instance.url(`/calls/${encodeURIComponent(event.call)}`));
      await seen("Call");
    }
    await page.goto(on.instance.url(`/?call=${encodeURIComponent(text)}&agent=${encodeURIComponent(text)}&text=${encodeURIComponent(piece(text))}`));
    await page.getByRole("heading", { name: "Live" }).waitFor();
    await page.waitForLoadState("networkidle");
    await harmless("Live, filtered");
    await page.getByRole("link", { name: /^Targets/ }).click();
    await page.getByRole("row").filter({ hasText: "rejected" }).first().waitFor();
    await harmless("Targets");
    await page.getByRole("link", { name: /^Rules/ }).click();
    await page.getByRole("tab", { name: "Try an event" }).click();
    await page.getByLabel("An event as JSON").fill(JSON.stringify(everywhere(text)));
    await page.getByRole("button", { name: /^Explain/ }).click();
    await page.locator(".bench-out").getByText("hostile names").first().waitFor();
    await harmless("Rules");
  });
}

test("a hostile name of a rule, and a hostile file, are text", async (t) => {
  const page = await on.open(t, "/rules");
  await page.getByText("<img src=x onerror=window.__ran=1>").first().waitFor();
  await page.goto(on.instance.url("/rules?tab=preview"));
  await page.getByLabel("A new rules file").fill(`version: 1\n${JSON.stringify(ALL)}: ${JSON.stringify(ALL)}\nrules:\n  - name: ${JSON.stringify(HOSTILE["an image with a handler"])}\n    to: [${JSON.stringify(HOSTILE["a script"])}]\n`);
  await page.getByRole("button", { name: /^Preview/ }).click();
  await page.getByRole("alert").getByText("This file would be refused").waitFor();
  await fits(page, "Preview");
});

test("a hostile address leads nowhere but to this page", async (t) => {
  const page = await on.open(t, `/?event=${encodeURIComponent(ALL)}`);
  for (const path of [`/calls/${encodeURIComponent(HOSTILE["a script"])}`, `/events/${encodeURIComponent(HOSTILE["quotes that leave an attribute"])}`, "/calls/%E0%A4%A", "/rules?line=1e99&revision=-1&tab=__proto__", `/targets?target=${encodeURIComponent(ALL)}&reason=constructor&minutes=NaN`]) {
    await page.goto(on.instance.url(path));
    await page.getByRole("navigation", { name: "Screens" }).waitFor();
    await fits(page, path);
  }
});

// Every screen, in both themes and both widths: nothing that axe calls serious or critical, and nothing that stands out sideways.

import { test } from "node:test";

import { accessible, fits, NARROW, WIDE } from "./harness/browser.mjs";
import { stage } from "./harness/stage.mjs";
import { analyzed, plain, rules } from "./harness/traffic.mjs";

let id;
const on = stage(
  (receiver) => {
    receiver.answers("/refuser", 400, "no such call");
    return {
      rules: rules(receiver, `  - name: tried out in shadow
    when: { event: call_started }
    to: [crm]
    mode: shadow
tests:
  - name: this one is wrong
    event: { event: call_ended, call: { call_id: c1, agent_id: a1 } }
    expect: { to: [crm] }
`),
    };
  },
  async ({ instance }) => {
    await instance.send(plain("call_started", { call_id: "call_a1" }));
    await instance.send(plain("transcript_updated", { call_id: "call_a1" }));
    const ended = await instance.send(plain("call_ended", { call_id: "call_a1" }));
    await instance.event(ended, ({ deliveries }) => deliveries[0]?.state === "dead");
    id = await instance.send(analyzed({ call_id: "call_a1", call_analysis: { user_sentiment: "Negative" } }));
    await instance.api("targets/warehouse/pause", {});
  },
);

/** Opens a dialog, and waits until it is there. */
const dialog = (open) => async (page) => {
  await open(page);
  await page.getByRole("dialog").waitFor();
};

/** Where to go, what shows that it is there, and what to open before one looks. */
const SCREENS = {
  Live: { path: () => "/", there: (page) => page.getByRole("row").filter({ hasText: "call_analyzed" }).first() },
  "Live without a match": { path: () => "/?agent=nobody", there: (page) => page.getByRole("button", { name: "Clear the filters" }) },
  Event: { path: () => `/events/${id}`, there: (page) => page.getByText("agent_front_desk").first() },
  "Event: explanation and conversation": { path: () => `/events/${id}?side=why&tab=transcript`, there: (page) => page.getByText("analysed calls to the CRM").first() },
  "Event: replay": { path: () => `/events/${id}`, there: (page) => page.getByText("agent_front_desk").first(), then: dialog((page) => page.keyboard.press("r")) },
  "Event: edit": { path: () => `/events/${id}`, there: (page) => page.getByText("agent_front_desk").first(), then: dialog((page) => page.keyboard.press("e")) },
  Call: { path: () => "/calls/call_a1", there: (page) => page.getByRole("link", { name: "call_started" }) },
  Rules: { path: () => "/rules", there: (page) => page.getByText("this one is wrong failed") },
  "Rules: try": {
    path: () => "/rules?tab=try",
    there: (page) => page.getByLabel("An event as JSON"),
    async then(page) {
      await page.getByLabel("An event as JSON").fill(id);
      await page.getByRole("button", { name: /^Explain/ }).click();
      await page.locator(".bench-out").getByText("angry callers").first().waitFor();
    },
  },
  "Rules: preview": {
    path: () => "/rules?tab=preview",
    there: (page) => page.getByLabel("A new rules file"),
    async then(page) {
      await page.getByLabel("A new rules file").fill(rules(on.receiver).replace("to: [warehouse]", "to: [crm]"));
      await page.getByRole("button", { name: /^Preview/ }).click();
      await page.getByText("1 event would go elsewhere.").waitFor();
    },
  },
  Targets: { path: () => "/targets", there: (page) => page.getByRole("row").filter({ hasText: "rejected" }).first() },
  "Targets: drop": {
    path: () => "/targets",
    there: (page) => page.getByRole("row").filter({ hasText: "rejected" }).first(),
    then: dialog((page) => page.getByRole("button", { name: "Drop all…" }).click()),
  },
  Status: { path: () => "/status", there: (page) => page.getByRole("region", { name: "Store" }) },
  Help: { path: () => "/", there: (page) => page.getByRole("row").first(), then: dialog((page) => page.keyboard.press("?")) },
  "No such screen": { path: () => "/calls/nothing-here", there: (page) => page.getByRole("heading", { name: "No event of this call is here" }) },
};

for (const [name, { path, there, then }] of Object.entries(SCREENS)) {
  test(`${name} is usable by everybody`, async (t) => {
    for (const theme of ["light", "dark"]) {
      for (const size of [WIDE, NARROW]) {
        const what = `${name}, ${theme}, ${size.width} px`;
        const page = await on.open(t, path(), { theme, size });
        await there(page).waitFor();
        await then?.(page);
        await fits(page, what);
        await accessible(page, what);
      }
    }
  });
}

// The screen Status: what runs, what was loaded and what was not, and the address for Retell.

import assert from "node:assert/strict";
import { test } from "node:test";

import { stage } from "./harness/stage.mjs";
import { rules } from "./harness/traffic.mjs";

const on = stage((receiver) => ({ rules: rules(receiver) }));

test("the address for Retell is shown and copied", async (t) => {
  const page = await on.open(t, "/status");
  const address = `http://${on.instance.listen}/webhook`;
  await page.getByText(address, { exact: true }).waitFor();
  await page.getByRole("button", { name: "Copy local address" }).first().click();
  await page.getByText("Local address copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), address);
  await page.getByText(`ngrok http ${on.instance.listen.split(":")[1]}`).waitFor();
});

test("what runs and how durable it is, in facts", async (t) => {
  const page = await on.open(t, "/status");
  const program = page.getByRole("region", { name: "Program" });
  const { version } = await on.instance.api("status");
  await program.getByText(version, { exact: true }).waitFor();
  await program.getByText("Up for").waitFor();
  const store = page.getByRole("region", { name: "Store" });
  for (const fact of ["SQLite", "File system", "Sync", "writable"]) await store.getByText(fact).first().waitFor();
  await store.getByText(/ [KM]iB of 10 GiB /).waitFor();
});

test("a refused file is told with its place, and what runs goes on", async (t) => {
  const page = await on.open(t, "/status");
  await page.getByRole("heading", { name: "Status" }).waitFor();
  on.instance.write(rules(on.receiver).replace("to: [crm]", "to: [crn]"));
  await page.getByRole("button", { name: "Reload" }).click();
  await page.getByText("Nothing was reloaded").waitFor();
  await page.getByText("the revision before it goes on").waitFor();
  await page.getByText(/crn/).first().waitFor();
  await page.getByRole("table").getByText("refused").first().waitFor();

  on.instance.write(rules(on.receiver, "  - name: one more\n    when: { event: chat_ended }\n    to: [crm]\n"));
  await page.getByRole("button", { name: "Reload" }).click();
  // The file may have been seen to change before the button was pressed; then there is nothing left to load.
  await page.getByText(/^(Revision \d+ runs|Nothing has changed)/).first().waitFor();
  await page.getByRole("table").getByText("published").first().waitFor();
});

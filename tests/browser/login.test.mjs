// The token: asked for once, kept where no script can read it, and then one is where one was.

import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";

import { accessible, fits, NARROW } from "./harness/browser.mjs";
import { Instance } from "./harness/instance.mjs";
import { stage } from "./harness/stage.mjs";
import { rules } from "./harness/traffic.mjs";

const TOKEN = "a-token-for-tests-0123456789abcdef";

const guarded = (receiver) => rules(receiver).replace("version: 1\n", `version: 1\nadmin_token: ${TOKEN}\n`);
const on = stage((receiver) => ({ rules: guarded(receiver) }));

test("a wrong token is told, the right one leads to where one was", async (t) => {
  const page = await on.open(t, "/targets?minutes=15");
  const field = page.getByLabel("Admin token");
  await field.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.name), "token", "one can type at once");
  assert.equal(await page.getByText("warehouse").count(), 0, "nothing is shown before");
  await page.keyboard.type("not-the-token");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("That is not the token").waitFor();

  await field.fill(TOKEN);
  await field.press("Enter");
  await page.getByRole("article", { name: "warehouse" }).waitFor();
  assert.equal(new URL(page.url()).search, "?minutes=15");
  const [cookie] = await page.context().cookies();
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Strict");
  assert.equal(await page.evaluate(() => document.cookie), "", "no script can read it");
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  assert.ok(!stored.includes(TOKEN));

  await page.reload();
  await page.getByRole("article", { name: "warehouse" }).waitFor();
  await page.goto(on.instance.url("/status"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Admin token").waitFor();
  await page.reload();
  await page.getByLabel("Admin token").waitFor();
});

test("the login is usable by everybody, in both themes, on a narrow screen", async (t) => {
  for (const theme of ["light", "dark"]) {
    const page = await on.open(t, "/", { theme, size: NARROW });
    await page.getByLabel("Admin token").waitFor();
    await fits(page, theme);
    await accessible(page, theme);
  }
});

const outside = Object.values(networkInterfaces())
  .flat()
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

test("off loopback it asks, too", { skip: outside ? false : "skipped, because this machine has no address but loopback" }, async (t) => {
  const instance = await Instance.start({ rules: guarded(on.receiver), adminHost: outside });
  t.after(() => instance.close());
  const page = await on.open(t, "/status", { instance });
  await page.getByLabel("Admin token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("region", { name: "Store" }).waitFor();
});

// Debian's chromium, and a watch over every page in it: nothing may run that the page did not bring, nothing may be asked of
// anybody else, and the policy may not have to step in.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

import { chromium } from "playwright-core";

import { PATIENCE_MS } from "./instance.mjs";

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 360, height: 740 };

/** Where a chromium may be. */
const PLACES = [process.env.HOOKSWITCH_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where chromium is, if it is anywhere. */
export function chromiumPath() {
  return PLACES.find((place) => place && existsSync(place));
}

export async function launch() {
  const executablePath = chromiumPath();
  assert.ok(executablePath, "there is no chromium; HOOKSWITCH_CHROMIUM names one");
  // Its own sandbox needs rights that a container may not give; what it opens here is ours.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

/**
 * Opens a page and watches it. `clean` says whether all went well so far.
 * @param {import("playwright-core").Browser} browser
 * @param {{instance: import("./instance.mjs").Instance, path?: string, theme?: "light" | "dark", size?: {width: number, height: number}}} options
 */
export async function open(browser, { instance, path = "/", theme = "light", size = WIDE, ...more }) {
  const context = await browser.newContext({
    colorScheme: theme,
    viewport: size,
    locale: "en-GB",
    timezoneId: "UTC",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
    ...more,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const wrong = [];
  const allowed = (url) => url.startsWith(instance.url("/")) || url.startsWith("data:") || url.startsWith("blob:");
  context.on("request", (request) => {
    if (!allowed(request.url())) wrong.push(`it asked for ${request.url()}`);
  });
  await context.exposeBinding("__violated", (_, what) => wrong.push(`the policy refused ${what}`));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => window.__violated(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
  });
  if (process.env.HOOKSWITCH_UI_FILES) await fromFolder(context, process.env.HOOKSWITCH_UI_FILES);
  const page = await context.newPage();
  page.on("dialog", (dialog) => {
    wrong.push(`a dialog said ${dialog.message()}`);
    return dialog.dismiss();
  });
  page.on("pageerror", (error) => wrong.push(`a script failed: ${error.stack}`));
  await page.goto(instance.url(path));
  return {
    page,
    context,
    async clean() {
      assert.equal(await page.evaluate(() => window.__ran), undefined, "what came in an event ran as a script");
      assert.deepEqual(wrong, []);
    },
    close: () => context.close(),
  };
}

/** For working on the page without building anew: its files from a folder, everything else from the instance. */
async function fromFolder(context, folder) {
  await context.route("**/ui/**", (route) => {
    const file = join(resolve(folder), new URL(route.request().url()).pathname.slice("/ui/".length));
    return existsSync(file) ? route.fulfill({ path: file }) : route.fulfill({ status: 404 });
  });
  await context.route(
    (url) => !/^\/(ui|api|-)\//.test(url.pathname),
    (route) => (route.request().isNavigationRequest() ? route.fulfill({ path: join(resolve(folder), "index.html"), headers: { "content-security-policy": POLICY, "content-type": "text/html" } }) : route.continue()),
  );
}
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/** The accessibility rules of axe: nothing serious or critical may be found. */
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  assert.ok(passes.length > 10, `${what}: axe looked at hardly anything`);
  const grave = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 4).map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`);
  assert.deepEqual(grave, [], what);
}

/** Nothing may stand out of the window sideways; what is wide scrolls within itself. */
export async function fits(page, what) {
  const { wide, room, who } = await page.evaluate(() => {
    const room = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > room + 1);
    const who = out.slice(0, 5).map((element) => `${element.tagName}.${element.className?.baseVal ?? element.className}`);
    return { wide: document.documentElement.scrollWidth, room, who };
  });
  assert.ok(wide <= room, `${what}: ${wide} px in a window of ${room}: ${who.join(", ")}`);
}

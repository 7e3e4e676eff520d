// Takes the pictures of docs/images from a running demo.
//   node tests/browser/screenshots.mjs [--minutes N] [--only NAME,NAME…] [FOLDER]
// The demo runs for N minutes first, by default 6, so that charts have something to show. HOOKSWITCH_BINARY names another binary, and
// HOOKSWITCH_DEMO an instance that runs already.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { launch, NARROW, open, WIDE } from "./harness/browser.mjs";
import { binary, eventually } from "./harness/instance.mjs";

const { values, positionals } = parseArgs({ options: { minutes: { type: "string", default: "6" }, only: { type: "string" } }, allowPositionals: true });
const wanted = values.only?.split(",");
const folder = positionals[0] ?? join(dirname(fileURLToPath(import.meta.url)), "../../docs/images");
mkdirSync(folder, { recursive: true });

/** Starts the demo, and waits until its first traffic is through. */
async function demo() {
  const child = spawn(binary, ["demo"], { stdio: ["ignore", "pipe", "inherit"] });
  let base;
  await new Promise((ready, failed) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      base ??= /^\s+page\s+(http:\/\/\S+)/.exec(line)?.[1];
      if (line.startsWith("Try one of your own")) ready();
    });
    child.once("exit", (code) => failed(new Error(`the demo ended with ${code}`)));
  });
  return { base, end: () => child.kill("SIGTERM") };
}

const { base, end } = process.env.HOOKSWITCH_DEMO ? { base: process.env.HOOKSWITCH_DEMO, end: () => {} } : await demo();
const instance = { url: (path = "/") => base + path };
const api = async (path) => (await fetch(instance.url(`/api/v1/${path}`))).json();
const browser = await launch();

/** What shows a screen in full: an event that went to several targets, and its call. */
async function samples() {
  const { events } = await api("events?event=call_analyzed&limit=200");
  const rich = events.filter(({ call, deliveries }) => call && deliveries.length > 1);
  const event = rich.find(({ deliveries }) => deliveries.some(({ state }) => state === "dead")) ?? rich[0] ?? events[0];
  return { event, call: event.call };
}

async function shoot(name, path, { theme = "light", size = WIDE, then } = {}) {
  if (wanted && !wanted.includes(name)) return;
  const { page, clean, close } = await open(browser, { instance, path, theme, size });
  await page.getByRole("navigation", { name: "Screens" }).waitFor();
  await page.waitForLoadState("networkidle").catch(() => {});
  await then?.(page);
  await eventually("everything is loaded", async () => (await page.locator(".skeleton").count()) === 0);
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await clean();
  await close();
  console.log(`${name}.png`);
}

/** Joins pictures to one, beside each other. */
async function beside(name, parts) {
  if (wanted && !wanted.includes(name)) return;
  const files = parts.map((part) => join(folder, `${part}.png`));
  const page = await browser.newPage({ viewport: { width: parts.length * (NARROW.width + 24) - 24, height: NARROW.height } });
  const images = files.map((file) => `<img src="data:image/png;base64,${readFileSync(file, "base64")}">`);
  await page.setContent(`<body style="margin:0;display:flex;gap:24px">${images.join("")}</body>`);
  await page.screenshot({ path: join(folder, `${name}.png`), omitBackground: true });
  await page.close();
  for (const file of files) rmSync(file);
  console.log(`${name}.png`);
}

await new Promise((over) => setTimeout(over, process.env.HOOKSWITCH_DEMO ? 0 : Number(values.minutes) * 60_000));
const { event, call } = await samples();
const rules = async (page) => page.locator(".source-line").first().waitFor();
const sample = await (await fetch(instance.url(`/api/v1/events/${event.id}/body`))).text();
const tried = async (page) => {
  await page.getByLabel("An event as JSON").fill(JSON.stringify(JSON.parse(sample), null, 2));
  await page.getByRole("button", { name: /^Explain/ }).click();
  await page.locator(".why-rules").waitFor();
  await page.getByLabel("An event as JSON").evaluate((field) => (field.scrollTop = 0));
};
const preview = async (page) => {
  const field = page.getByLabel("A new rules file");
  await page.getByRole("button", { name: "The running file" }).click();
  await page.waitForFunction((element) => element.value.length > 0, await field.elementHandle());
  await field.fill((await field.inputValue()).replace(/(- name: summaries to Slack[\s\S]*?to: \[)sales-slack\]/, "$1front-desk]"));
  await page.getByRole("button", { name: /^Preview/ }).click();
  await page.locator(".bench-out .table").first().waitFor();
  await field.evaluate((element) => (element.scrollTop = 0));
};
const charts = async (page) => page.locator(".chart").first().waitFor();

await shoot("page-live", "/");
await shoot("page-live-dark", "/", { theme: "dark" });
await shoot("page-event", `/events/${event.id}?tab=transcript`);
await shoot("page-explanation", `/events/${event.id}?side=why`, { theme: "dark" });
await shoot("page-call", `/calls/${encodeURIComponent(call)}`);
await shoot("page-rules", "/rules?line=69", { then: rules });
await shoot("page-try", "/rules?tab=try", { then: tried });
await shoot("page-preview", "/rules?tab=preview", { theme: "dark", then: preview });
await shoot("page-targets", "/targets?minutes=15", { then: charts });
await shoot("page-status", "/status");
await shoot("narrow-1", "/", { size: NARROW });
await shoot("narrow-2", `/events/${event.id}?tab=transcript`, { size: NARROW, theme: "dark" });
await shoot("narrow-3", "/targets?minutes=15", { size: NARROW, then: charts });
await beside("page-narrow", ["narrow-1", "narrow-2", "narrow-3"]);
await browser.close();
end();

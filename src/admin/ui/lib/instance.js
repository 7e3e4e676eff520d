// The instance that serves this page: what it is, how it does, and whether it is there. Asked every few seconds, for the shell;
// screens that need it fresher ask themselves.

import { computed, signal } from "./html.js";
import { get, reachable, signedOut } from "./api.js";

const EVERY_MS = 5_000;
const EVERY_LOST_MS = 1_500;

/** `GET status`, as it was a moment ago. */
export const status = signal(undefined);

/** `GET webhook`: where events arrive. Without that endpoint it stays undefined. */
export const webhook = signal(undefined);

/** Names of the targets, for filters and replays. */
export const targets = signal([]);

/** Whether payloads are shown masked until a person asks; nothing as long as that is not known. */
export const masks = computed(() => (status.value ? status.value.ui?.show_payloads === "masked" : undefined));

/** How often the instance was seen to have been restarted. */
export const restarts = signal(0);

let timer;
let revision;

/** Begins to ask, and goes on. */
export function watchInstance() {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  look();
}

/** Asks now. */
export async function look() {
  clearTimeout(timer);
  try {
    const seen = await get("/api/v1/status");
    const before = status.peek();
    if (before?.started_at && seen.started_at && before.started_at !== seen.started_at) restarts.value += 1;
    status.value = seen;
    if (seen.configuration.revision.number !== revision) {
      revision = seen.configuration.revision.number;
      lookOnce();
    }
  } catch {
    // `reachable` and `signedOut` tell the shell.
  }
  if (signedOut.peek()) return;
  const pause = reachable.peek() ? EVERY_MS : EVERY_LOST_MS;
  timer = setTimeout(() => (document.hidden ? undefined : look()), pause);
}

/** What changes with a revision only. Each may fail alone, and then what it is for goes without. */
async function lookOnce() {
  lookForWebhook();
  try {
    const found = await get("/api/v1/targets");
    targets.value = found.targets.filter((target) => target.configured).map((target) => target.name);
  } catch {
    // Then those of before are offered.
  }
}

/** Asks where events arrive; a tunnel may have been opened since. */
export async function lookForWebhook() {
  try {
    webhook.value = await get("/api/v1/webhook");
  } catch {
    // Then the usual address is shown.
  }
}

/**
 * The address at which `source` receives events, as this machine reaches it: what a `curl` posts to.
 *
 * @param {string} [source] without it, the first one
 */
export function webhookAddress(source) {
  const known = webhook.value;
  const sources = known?.sources ?? [];
  const found = sources.find((one) => one.name === source) ?? sources[0];
  const listen = known?.listen ?? "127.0.0.1:8080";
  // Who listens on every address is reached at this one.
  const host = listen.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
  return `http://${host}${found?.path ?? "/webhook"}`;
}

/** Whether `source` checks signatures, if that is known. */
export function isSigned(source) {
  return webhook.value?.sources?.find((one) => one.name === source)?.signed;
}

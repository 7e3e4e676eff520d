// Short news about what a person just did. It is read aloud, goes by itself, and stays while it is pointed at.

import { html, signal } from "../lib/html.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

const STAYS_MS = 5_000;
const STAYS_BAD_MS = 10_000;
const SHOWN_MAX = 4;

const toasts = signal([]);
let last = 0;

/**
 * @param {string} text
 * @param {{tone?: "ok" | "bad" | "warn", detail?: string, link?: {to: string, text: string}}} [options]
 */
export function toast(text, { tone = "ok", detail, link } = {}) {
  last += 1;
  const entry = { id: last, text, tone, detail, link, timer: undefined };
  toasts.value = [...toasts.peek(), entry].slice(-SHOWN_MAX);
  letGo(entry);
}

/** Says that something failed. */
export function toastError(error, text = error.title ?? "That failed") {
  toast(text, { tone: "bad", detail: error.detail ?? error.message });
}

function letGo(entry) {
  entry.timer = setTimeout(() => drop(entry), entry.tone === "ok" ? STAYS_MS : STAYS_BAD_MS);
}

function drop(entry) {
  clearTimeout(entry.timer);
  toasts.value = toasts.peek().filter((other) => other !== entry);
}

/** The corner in which they appear; the shell has one. */
export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite" aria-label="News">
    ${toasts.value.map(
      (entry) => html`<div class="toast tone-${entry.tone}" key=${entry.id} onPointerEnter=${() => clearTimeout(entry.timer)}
        onPointerLeave=${() => letGo(entry)}>
        <${Icon} name=${entry.tone === "ok" ? "check" : "warn"} />
        <div class="toast-text"><strong>${entry.text}</strong>${entry.detail && html`<p>${entry.detail}</p>`}
          ${entry.link && html`<a href=${entry.link.to} onClick=${() => drop(entry)}>${entry.link.text}</a>`}</div>
        <${Button} variant="ghost" small icon="cross" label="Dismiss" onClick=${() => drop(entry)} />
      </div>`,
    )}
  </div>`;
}

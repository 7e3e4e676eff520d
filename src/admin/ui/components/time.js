// Moments. What is shown is short; the rest is in the title.

import { html } from "../lib/html.js";
import { ago, clock, clockMs, fullTime, now } from "../lib/format.js";

/** A time of day. @param {{value: string, ms?: boolean}} props */
export function Time({ value, ms = false }) {
  return html`<time datetime=${value} title=${fullTime(value)}>${ms ? clockMs(value) : clock(value)}</time>`;
}

/** How long ago, or how long still; it goes on by itself. */
export function Ago({ value }) {
  return html`<time datetime=${value} title=${fullTime(value)}>${ago(value, now.value)}</time>`;
}

// Moments. What is shown is short; the rest is in the title, which is made when one points at it, since lists have many of them.

import { html } from "../lib/html.js";
import { ago, clock, clockMs, fullTime, now } from "../lib/format.js";

function told(event) {
  event.currentTarget.title = fullTime(event.currentTarget.dateTime);
}

/** A time of day. @param {{value: string, ms?: boolean}} props */
export function Time({ value, ms = false }) {
  return html`<time datetime=${value} onPointerEnter=${told}>${ms ? clockMs(value) : clock(value)}</time>`;
}

/** How long ago, or how long still; it goes on by itself. */
export function Ago({ value }) {
  return html`<time datetime=${value} onPointerEnter=${told}>${ago(value, now.value)}</time>`;
}

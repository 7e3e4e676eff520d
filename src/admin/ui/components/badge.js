// Small marks of a state. Colour is never the only thing that tells: there is a form or a word, too.

import { html } from "../lib/html.js";
import { EVENT_STATES, STATES, sentence, stateOf } from "../lib/deliveries.js";
import { count, plural } from "../lib/format.js";

/** A word in a coloured field. @param {{tone?: "ok" | "wait" | "warn" | "bad" | "off" | "accent", children?: unknown}} props */
export function Badge({ tone = "off", children, ...rest }) {
  return html`<span ...${rest} class="badge tone-${tone}">${children}</span>`;
}

/** The state of an event. */
export function StateBadge({ state }) {
  const known = EVENT_STATES[state];
  return html`<${Badge} tone=${known?.tone} title=${known?.text}>${state}<//>`;
}

/** The state of a delivery. */
export function DeliveryBadge({ delivery }) {
  const state = stateOf(delivery);
  return html`<${Badge} tone=${STATES[state]?.tone}><${Mark} state=${state} />${state}<//>`;
}

/** Says of a rule, or of an event, that there is a match from which nothing follows. */
export function ShadowBadge({ title = "It is matched, counted and listed, and sends nothing" }) {
  return html`<${Badge} tone="wait" title=${title}>shadow<//>`;
}

/** What is unusual about an event, in few words. */
export function Marks({ event }) {
  return html`${event.edited_from && html`<${Badge} tone="accent" title="Made by a person from another event">edited<//>`}
    ${!event.edited_from && event.deliveries.some((delivery) => delivery.replay) && html`<${Badge} tone="accent" title="A person sent it again">replayed<//>`}
    ${event.duplicates > 0 && html`<${Badge} title=${`It came ${plural(event.duplicates, "more time")} with the same body`}>×${count(event.duplicates + 1)}<//>`}
    ${event.shadow?.length > 0 && html`<${ShadowBadge} title=${`Matched in shadow: ${event.shadow.join(", ")}`} />`}`;
}

/** A point that stands for a delivery, told in words to who hovers or listens. */
export function Dot({ delivery }) {
  const text = sentence(delivery);
  return html`<span class="dot" title=${text}><${Mark} state=${stateOf(delivery)} /><span class="visually-hidden">${text}. </span></span>`;
}

/** The form alone: a disc for delivered, a ring for waiting, half a disc for retrying, a cross for dead. */
export function Mark({ state }) {
  const tone = STATES[state]?.tone ?? "off";
  return html`<svg class="mark tone-${tone}" viewBox="0 0 12 12" width="10" height="10" aria-hidden="true" focusable="false">${MARKS[state] ?? MARKS.waiting}</svg>`;
}

const MARKS = {
  delivered: html`<circle cx="6" cy="6" r="5" fill="currentColor" />`,
  waiting: html`<circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="2" />`,
  retrying: html`<g><circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="2" /><path d="M6 2a4 4 0 0 1 0 8z" fill="currentColor" /></g>`,
  dead: html`<path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />`,
  dropped: html`<path d="M2 6h8" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />`,
};

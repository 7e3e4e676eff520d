// Search inside a text, and marking what was found: pieces of text between `mark` elements, never markup.

import { html } from "./html.js";

/** Most places that are marked in one text. */
const MARKS_MAX = 2_000;

/**
 * Where `needle` stands in `text`, whatever the case.
 *
 * @returns {number[]} the beginnings
 */
export function places(text, needle, max = MARKS_MAX) {
  if (!needle) return [];
  // Lower case may be longer than what it was made of; then places would be off, so case has to agree.
  const lower = text.toLowerCase();
  const [hay, pin] = lower.length === text.length ? [lower, needle.toLowerCase()] : [text, needle];
  const found = [];
  for (let at = hay.indexOf(pin); at >= 0 && found.length < max; at = hay.indexOf(pin, at + pin.length)) found.push(at);
  return found;
}

/** `text` with every `needle` in it marked. `current` is the place that one has come to, if it is in here. */
export function marked(text, needle, current = -1) {
  const found = places(text, needle);
  if (found.length === 0) return text;
  const pieces = [];
  let end = 0;
  found.forEach((at, index) => {
    pieces.push(text.slice(end, at));
    end = at + needle.length;
    const here = index === current;
    pieces.push(html`<mark class=${here ? "is-current" : ""} key=${at}>${text.slice(at, end)}</mark>`);
  });
  pieces.push(text.slice(end));
  return pieces;
}

// Text as it is: monospaced, wrapped, with what was found marked. A very long one is cut until a person wants all of it.

import { html, useMemo, useRef, useState } from "../lib/html.js";
import { bytes } from "../lib/format.js";
import { marked, places } from "../lib/marks.js";
import { Button } from "./button.js";
import { useReveal } from "./find.js";

/** Longest text that is shown at once. */
const SHOWN_MAX = 300_000;

/**
 * @param {{text: string, label: string, needle?: string, current?: number}} props `current` counts the places found.
 */
export function CodeView({ text, label, needle = "", current = -1 }) {
  const box = useRef(null);
  const [whole, setWhole] = useState(false);
  const shown = whole || text.length <= SHOWN_MAX ? text : text.slice(0, SHOWN_MAX);
  const content = useMemo(() => marked(shown, needle, current), [shown, needle, current]);
  useReveal(box, [needle, current]);
  return html`<div class="code-box">
    <pre class="code" ref=${box} tabindex="0" role="region" aria-label=${label}>${content}</pre>
    ${shown.length < text.length &&
    html`<div class="code-more"><${Button} small onClick=${() => setWhole(true)}>Show all ${bytes(text.length)}<//></div>`}
  </div>`;
}

/** How many places `CodeView` marks. */
export function countPlaces(text, needle) {
  return places(text.slice(0, SHOWN_MAX), needle).length;
}

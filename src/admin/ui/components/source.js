// The rules file as it is, with the numbers of its lines; what is known about a line stands beside it or beneath it.

import { html, memo, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { count } from "../lib/format.js";
import { parts } from "../lib/yaml.js";
import { Button } from "./button.js";

/** Most lines that are shown at once. */
const LINES_MAX = 4_000;

/**
 * @param {{text: string, label: string, current?: number, beside?: Map<number, unknown>, beneath?: Map<number, unknown>}} props
 *   Lines count from 1; `current` is the one to show.
 */
export function Source({ text, label, current, beside = new Map(), beneath = new Map() }) {
  const lines = useMemo(() => text.replace(/\n$/, "").split("\n"), [text]);
  const [whole, setWhole] = useState(false);
  const box = useRef(null);
  const shown = whole || current > LINES_MAX ? lines : lines.slice(0, LINES_MAX);
  useEffect(() => {
    if (current) box.current?.querySelector(`[data-line="${current}"]`)?.scrollIntoView({ block: "center" });
  }, [current, text]);

  return html`<div class="source" ref=${box} role="region" aria-label=${label} tabindex="0">
    ${shown.map((line, index) => {
      const number = index + 1;
      const [side, under] = [beside.get(number), beneath.get(number)];
      return html`<div key=${number} class=${`source-line${number === current ? " is-current" : ""}`} data-line=${number} aria-current=${number === current ? "true" : undefined}>
          <span class="source-number" aria-hidden="true">${number}</span><code class="source-text"><${Coloured} line=${line || " "} /></code>
          ${side && html`<span class="source-beside">${side}</span>`}
        </div>
        ${under && html`<div class="source-beneath">${under}</div>`}`;
    })}
    ${shown.length < lines.length && html`<div class="more-row"><${Button} small onClick=${() => setWhole(true)}>Show all ${count(lines.length)} lines<//></div>`}
  </div>`;
}

/** Drawn once, since a line of a revision never changes. */
const Coloured = memo(({ line }) => parts(line).map(([kind, text]) => (kind === "plain" ? text : html`<span class="yaml-${kind}">${text}</span>`)));

// A search inside what is shown: how many there are, and the next and the one before.

import { html, useEffect, useRef } from "../lib/html.js";
import { useKeys } from "../lib/keys.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

/**
 * @param {{value: string, onInput: (text: string) => void, total: number, current: number, onStep: (step: number) => void, label: string}} props
 */
export function Find({ value, onInput, total, current, onStep, label }) {
  const input = useRef(null);
  useKeys([
    { keys: "/", label: "Search the body", run: () => input.current?.select() },
    { keys: "n", label: "Next place found", run: () => onStep(1), when: total > 0 },
    { keys: "N", label: "Place found before", run: () => onStep(-1), when: total > 0 },
  ]);
  const onKeyDown = (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      onStep(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && value) {
      event.preventDefault();
      event.stopPropagation();
      onInput("");
    }
  };
  return html`<div class="find" role="search">
    <${Icon} name="search" />
    <input ref=${input} type="search" class="find-input" placeholder="Find" aria-label=${label} value=${value} spellcheck=${false}
      autocomplete="off" onInput=${(event) => onInput(event.currentTarget.value)} onKeyDown=${onKeyDown} />
    <span class="find-count" role="status">${value && (total > 0 ? `${current + 1} of ${total}` : "none")}</span>
    <${Button} variant="ghost" small icon="up" label="Place found before" disabled=${total === 0} onClick=${() => onStep(-1)} />
    <${Button} variant="ghost" small icon="down" label="Next place found" disabled=${total === 0} onClick=${() => onStep(1)} />
  </div>`;
}

/** Brings the place that one has come to into sight whenever `keys` change. */
export function useReveal(container, keys) {
  useEffect(() => {
    container.current?.querySelector("mark.is-current")?.scrollIntoView({ block: "center", inline: "nearest" });
  }, keys);
}

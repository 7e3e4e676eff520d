// Tabs, and a switch between a few choices.

import { html, useRef } from "../lib/html.js";

/**
 * @param {{label: string, id: string, value: string, onChange: (id: string) => void,
 *   tabs: {id: string, label: unknown, count?: number | string}[], children?: unknown}} props `children` is the panel of `value`.
 */
export function Tabs({ label, id, tabs, value, onChange, actions, children }) {
  const list = useRef(null);
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const index = tabs.findIndex((tab) => tab.id === value);
    const next = tabs[(index + step + tabs.length) % tabs.length];
    onChange(next.id);
    list.current.querySelector(`#${id}-tab-${next.id}`)?.focus();
  };
  return html`<div class="tabs-bar">
      <div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${onKeyDown}>
        ${tabs.map(
          (tab) => html`<button type="button" role="tab" key=${tab.id} id=${`${id}-tab-${tab.id}`} class="tab"
            aria-selected=${tab.id === value ? "true" : "false"} aria-controls=${`${id}-panel`} tabindex=${tab.id === value ? 0 : -1}
            onClick=${() => onChange(tab.id)}>${tab.label}${tab.count !== undefined && html`<span class="count">${tab.count}</span>`}</button>`,
        )}
      </div>
      ${actions && html`<div class="tabs-actions">${actions}</div>`}
    </div>
    <div class="tab-panel" role="tabpanel" tabindex="0" id=${`${id}-panel`} aria-labelledby=${`${id}-tab-${value}`}>${children}</div>`;
}

/** One of a few, all of them seen. @param {{label: string, value: string, onChange: (id: string) => void, choices: {id: string, label: string}[]}} props */
export function Segmented({ label, value, onChange, choices }) {
  return html`<div class="segmented" role="group" aria-label=${label}>${choices.map(
    (choice) => html`<button type="button" key=${choice.id} aria-pressed=${choice.id === value ? "true" : "false"}
      onClick=${() => onChange(choice.id)}>${choice.label}</button>`,
  )}</div>`;
}

// Buttons and what looks like them.

import { html } from "../lib/html.js";
import { Icon } from "./icon.js";

/**
 * @param {{variant?: "plain" | "primary" | "danger" | "ghost", icon?: string, label?: string, hotkey?: string, busy?: boolean,
 *   small?: boolean, children?: unknown}} props `label` names a button that shows only an icon; `hotkey` is shown as a key.
 */
export function Button({ variant = "plain", icon, label, hotkey, busy = false, small = false, children, disabled, class: extra, ...rest }) {
  const only = icon && !children;
  const name = ["button", `is-${variant}`, small && "is-small", only && "is-icon", busy && "is-busy", extra].filter(Boolean).join(" ");
  return html`<button type="button" ...${rest} class=${name} disabled=${disabled || busy} aria-busy=${busy ? "true" : undefined}
    aria-label=${label} title=${rest.title ?? label} aria-keyshortcuts=${hotkey}>
    ${icon && html`<${Icon} name=${icon} />`}${children && html`<span class="button-text">${children}</span>`}
    ${hotkey && html`<${Kbd} keys=${hotkey} />`}
  </button>`;
}

/** Keys as they are drawn on a keyboard: `g l` are two, one after the other. */
export function Kbd({ keys }) {
  return html`<span class="keys" aria-hidden="true">${keys.split(" ").map((key) => html`<kbd>${KEY_NAMES[key] ?? key}</kbd>`)}</span>`;
}

const KEY_NAMES = { Enter: "↵", Escape: "Esc", ArrowDown: "↓", ArrowUp: "↑" };

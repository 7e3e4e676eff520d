// Things that one copies.

import { html } from "../lib/html.js";
import { copy } from "../lib/clipboard.js";
import { shortId } from "../lib/format.js";
import { Button } from "./button.js";

/** A button that copies `text`; `what` names it. */
export function CopyButton({ text, what = "Text", small = true }) {
  return html`<${Button} variant="ghost" small=${small} icon="copy" label=${`Copy ${what.toLowerCase()}`} onClick=${() => copy(text, what)} />`;
}

/** An id, short, that copies itself whole. */
export function CopyId({ id, what = "Id", length = 22 }) {
  return html`<button type="button" class="copy-id mono" title=${`${id}\nClick to copy`}
    onClick=${() => copy(id, what)}>${shortId(id, length)}<span class="visually-hidden">, copy the ${what.toLowerCase()}</span></button>`;
}

/** A line to paste into a terminal. */
export function Command({ text }) {
  return html`<div class="command"><code>${text}</code><${CopyButton} text=${text} what="Command" /></div>`;
}

import { html } from "../lib/html.js";
import { Empty } from "../components/notes.js";

export function Status() {
  return html`<div class="screen"><header class="screen-head"><h1>Status</h1></header><${Empty} title="Not here yet" /></div>`;
}

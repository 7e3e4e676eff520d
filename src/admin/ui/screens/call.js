import { html } from "../lib/html.js";
import { Empty } from "../components/notes.js";

export function Call() {
  return html`<div class="screen"><header class="screen-head"><h1>Call</h1></header><${Empty} title="Not here yet" /></div>`;
}

import { html } from "../lib/html.js";
import { Empty } from "../components/notes.js";

export function Live() {
  return html`<div class="screen"><header class="screen-head"><h1>Live</h1></header><${Empty} title="Not here yet" /></div>`;
}

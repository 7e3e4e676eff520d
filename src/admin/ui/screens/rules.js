// The rules: the running file with what is known about each line, a place to try an event, and a preview of a change.

import { html } from "../lib/html.js";
import { get } from "../lib/api.js";
import { plural } from "../lib/format.js";
import { status } from "../lib/instance.js";
import { useKeys } from "../lib/keys.js";
import { useResource } from "../lib/resource.js";
import { query, setQuery } from "../lib/router.js";
import { Badge } from "../components/badge.js";
import { ErrorBox, Loading, Note, Problems } from "../components/notes.js";
import { Tabs } from "../components/tabs.js";
import { File } from "./rules/file.js";
import { Preview } from "./rules/preview.js";
import { Try } from "./rules/try.js";

const EVERY_MS = 4_000;
const TABS = [
  { id: "file", label: "File" },
  { id: "try", label: "Try an event" },
  { id: "preview", label: "Preview a change" },
];

export function Rules() {
  const tab = TABS.find(({ id }) => id === query.value.get("tab"))?.id ?? "file";
  const list = useResource((signal) => get("/api/v1/rules", {}, { signal }), [], { every: EVERY_MS, keep: true });
  const show = (id) => setQuery({ tab: id === "file" ? "" : id, line: "", revision: "" }, { replace: false });
  useKeys([
    { keys: "1", label: "The file", run: () => show("file") },
    { keys: "2", label: "Try an event", run: () => show("try") },
    { keys: "3", label: "Preview a change", run: () => show("preview") },
  ]);
  const refused = status.value?.configuration.refused ?? [];

  return html`<div class="screen">
    <header class="screen-head">
      <h1>Rules</h1>
      ${list.data && html`<${Badge} tone="accent">revision ${list.data.revision.number}<//><span class="quiet">${plural(list.data.rules.length, "rule")}</span>`}
      <span class="spacer"></span>
      ${status.value && html`<code class="quiet small only-wide">${status.value.configuration.file}</code>`}
    </header>
    <div class="screen-body">
      ${refused.length > 0 &&
      html`<${Note} tone="bad" icon="warn"><strong>The file as it is on the disk is refused; what runs is the revision before it.</strong><${Problems} problems=${refused} /><//>`}
      ${list.error && html`<${ErrorBox} title="The rules are not up to date" error=${list.error} retry=${list.reload} />`}
      <section class="card" aria-label="Rules">
        <${Tabs} label="Rules" id="rules" tabs=${TABS} value=${tab} onChange=${show}>
          ${!list.data && !list.error && html`<${Loading} lines=${8} />`}
          ${list.data && tab === "file" && html`<${File} list=${list.data} />`}
          ${tab === "try" && html`<${Try} />`}
          ${tab === "preview" && html`<${Preview} running=${list.data?.text_revision ?? list.data?.revision.number} />`}
        <//>
      </section>
    </div>
  </div>`;
}

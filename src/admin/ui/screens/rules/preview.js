// What a new file would change: the stored events of a time, routed by the running revision and by the new one. Nothing is sent.

import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { at, get, isAbort, post } from "../../lib/api.js";
import { ago, count, now, plural, shortId } from "../../lib/format.js";
import { documents } from "../../lib/lines.js";
import { Button } from "../../components/button.js";
import { Badge, ShadowBadge } from "../../components/badge.js";
import { DropField } from "../../components/drop.js";
import { Empty, ErrorBox, Note, Problems } from "../../components/notes.js";
import { Table } from "../../components/table.js";

/** Largest file of rules that is read anywhere. */
const SIZE_MAX = 4 * 1024 * 1024;
/** Whether a file has tests of its own. */
const TESTS = /^["']?tests["']?\s*:/m;
const WINDOWS = [
  ["1h", "the last hour"],
  ["24h", "the last 24 hours"],
  ["7d", "the last 7 days"],
];

/** What was typed last, so that a look at a differing event does not lose it, nor what came of it. */
const kept = { text: "", since: "24h", result: undefined };

export function Preview({ running }) {
  const [text, setText] = useState(kept.text);
  const [since, setSince] = useState(kept.since);
  const [result, setResult] = useState(kept.result);
  const [progress, setProgress] = useState();
  const [error, setError] = useState();
  const [cancelled, setCancelled] = useState(false);
  const abort = useRef();
  useEffect(() => () => abort.current?.abort(), []);

  const keep = (changes) => Object.assign(kept, changes);
  const input = (next) => {
    keep({ text: next });
    setText(next);
  };
  const run = async () => {
    if (progress || text.trim() === "") return;
    const mine = new AbortController();
    abort.current = mine;
    keep({ result: undefined });
    setResult(undefined);
    setError(undefined);
    setCancelled(false);
    setProgress({ looked: 0, of: null, differ: 0 });
    try {
      const answer = await post("/api/v1/preview", { text, since }, { as: "response", signal: mine.signal });
      for await (const line of documents(answer)) {
        if (line.progress) setProgress(line.progress);
        if (line.result) {
          keep({ result: { ...line.result, tests: TESTS.test(text) } });
          setResult(kept.result);
        }
      }
      if (!kept.result) throw { title: "No result", detail: "the answer ended before it came to one" };
    } catch (failure) {
      if (isAbort(failure) || mine.signal.aborted) setCancelled(true);
      else setError(failure);
    }
    setProgress(undefined);
  };
  const takeRunning = async () => {
    try {
      input((await get(at`/api/v1/revisions/${running}`)).text);
    } catch (failure) {
      setError(failure);
    }
  };

  return html`<div class="bench">
    <div class="bench-in">
      <${DropField} label="A new rules file" value=${text} onInput=${input} onSend=${run} accept=".yaml,.yml" sizeMax=${SIZE_MAX} rows=${20} invalid=${error !== undefined}
        hint="Paste it, drop the file in, or begin with the one that runs. Nothing is sent, stored or loaded."
        actions=${running !== undefined && html`<${Button} small onClick=${takeRunning}>The running file<//>`} />
      <div class="row">
        ${progress
          ? html`<${Button} onClick=${() => abort.current.abort()}>Cancel<//>`
          : html`<${Button} variant="primary" disabled=${text.trim() === ""} onClick=${run} hotkey="Ctrl Enter">Preview<//>`}
        <label class="row small"><span class="field-label">with the events of</span><select class="select bench-window" value=${since} onChange=${(event) => {
          keep({ since: event.currentTarget.value });
          setSince(event.currentTarget.value);
        }}>${WINDOWS.map(([id, words]) => html`<option key=${id} value=${id}>${words}</option>`)}</select></label>
      </div>
    </div>
    <div class="bench-out" aria-live="polite">
      ${error && html`<${ErrorBox} error=${error} title=${(error.problems ?? []).length > 0 ? "This file would be refused" : undefined} />`}
      ${progress && html`<${Progress} progress=${progress} />`}
      ${cancelled && html`<${Note}>Cancelled. Nothing was changed.<//>`}
      ${result && html`<${Result} result=${result} />`}
      ${!error && !progress && !result && !cancelled && html`<${Empty} title="What would change?" icon="filter">The stored events are routed twice, by the rules that run and by the new ones. You see the difference for each rule and each target, and each event that would go elsewhere.<//>`}
    </div>
  </div>`;
}

function Progress({ progress }) {
  const share = progress.of ? { value: progress.looked, max: progress.of } : {};
  return html`<div class="progress-box"><progress class="progress" ...${share} aria-label="Events looked at"></progress>
    <p class="quiet">${count(progress.looked)}${progress.of ? ` of ${count(progress.of)}` : ""} events looked at, ${count(progress.differ)} would go elsewhere</p></div>`;
}

function Result({ result }) {
  const none = result.differing_total === 0;
  return html`<div class="stack">
    <${Note} tone=${none ? "ok" : "warn"} icon=${none ? "check" : "filter"}>
      <strong>${none ? "Nothing would go elsewhere." : `${plural(result.differing_total, "event")} would go elsewhere.`}</strong>
      <p>${plural(result.events, "event")} of the time were routed by revision ${result.running.number} and by the new file.${result.unreadable > 0 && ` ${count(result.unreadable)} could not be read.`}</p>
      ${result.tests && html`<p>Its tests were not run: <code>hookswitch test</code> runs them.</p>`}
    <//>
    ${result.warnings.length > 0 && html`<${Note} tone="warn" icon="warn"><strong>What is unwise in the new file:</strong><${Problems} problems=${result.warnings} /><//>`}
    <h2>Targets</h2>
    <${Table} label="Deliveries for each target" keyOf=${(row) => row.name} rows=${result.targets} columns=${[
      { name: "Target", cell: (row) => row.name },
      { name: "Now", align: "end", cell: (row) => count(row.running) },
      { name: "New", align: "end", cell: (row) => count(row.new) },
      { name: "Difference", align: "end", cell: (row) => html`<${Difference} gained=${row.gained} lost=${row.lost} />` },
    ]} />
    <h2>Rules</h2>
    <${Table} label="Events for each rule" keyOf=${(row) => row.name} rows=${[...result.rules, ...["unrouted", "ignored"].map((name) => ({ ...result[name], name, apart: true }))]} columns=${[
      { name: "Rule", cell: (row) => (row.apart ? html`<span class="quiet">${row.name}</span>` : html`${row.name}${row.shadow && html` <${WouldAdd} ...${row.shadow} />`}`) },
      { name: "Now", align: "end", cell: (row) => count(row.running) },
      { name: "New", align: "end", cell: (row) => count(row.new) },
      { name: "Difference", align: "end", cell: (row) => html`<${Difference} gained=${Math.max(0, row.new - row.running)} lost=${Math.max(0, row.running - row.new)} />` },
    ]} />
    ${result.differing.length > 0 && html`<${Differing} result=${result} />`}
  </div>`;
}

/** Of a rule in shadow, by one of the revisions or by both. */
function WouldAdd({ running, new: next }) {
  return html`<${ShadowBadge} /> <span class="quiet">would add ${running !== next && `${count(running)} → `}${count(next)}</span>`;
}

function Difference({ gained, lost }) {
  if (!gained && !lost) return html`<span class="quiet">–</span>`;
  return html`<span class="nowrap">${gained > 0 && html`<span class="gain">+${count(gained)}</span>`}${gained > 0 && lost > 0 && " "}${lost > 0 && html`<span class="loss">−${count(lost)}</span>`}</span>`;
}

function named(rules = [], shadow = []) {
  return [...rules, ...shadow.map((name) => `${name} (shadow)`)].join(", ") || "none";
}

function Differing({ result }) {
  const shown = result.differing;
  return html`<h2>Events that would go elsewhere</h2>
    ${shown.length < result.differing_total && html`<p class="quiet">The first ${count(shown.length)} of ${count(result.differing_total)}, oldest first.</p>`}
    <${Table} label="Events that would go elsewhere" keyOf=${(row) => row.event} rows=${shown} columns=${[
      { name: "Arrived", cell: (row) => html`<span class="nowrap" title=${row.received_at}>${ago(row.received_at, now.value)}</span>` },
      { name: "Event", cell: (row) => html`<a href=${at`/events/${row.event}`}>${row.name ?? "event"}</a>${row.call && html` <span class="mono quiet" title=${row.call}>${shortId(row.call)}</span>`}` },
      { name: "Difference", cell: (row) => html`<span class="row">${(row.gains ?? []).map((name) => html`<${Badge} key=${`+${name}`} tone="ok">+ ${name}<//>`)}${(row.loses ?? []).map((name) => html`<${Badge} key=${`-${name}`} tone="bad">− ${name}<//>`)}</span>` },
      { name: "Rules", wide: true, cell: (row) => html`<span class="quiet">${named(row.rules_before, row.shadow_before)} → ${named(row.rules_after, row.shadow_after)}</span>` },
    ]} />`;
}

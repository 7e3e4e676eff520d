// The file that runs, or one that ran: beside each rule how often it matched and when last, beneath each line what was found there
// and what its test came to.

import { html, useMemo } from "../../lib/html.js";
import { at, get, isMissing } from "../../lib/api.js";
import { count, duration, plural } from "../../lib/format.js";
import { useResource } from "../../lib/resource.js";
import { query, setQuery } from "../../lib/router.js";
import { Badge, ShadowBadge } from "../../components/badge.js";
import { Button } from "../../components/button.js";
import { CopyButton } from "../../components/copy.js";
import { Icon } from "../../components/icon.js";
import { Empty, ErrorBox, Loading, Note } from "../../components/notes.js";
import { Source } from "../../components/source.js";
import { Ago, Time } from "../../components/time.js";

/** Tones of findings; one that is only worth knowing is neither. */
const LEVELS = { error: "bad", warning: "warn" };

export function File({ list }) {
  const running = list.text_revision ?? list.revision.number;
  const wanted = Number(query.value.get("revision")) || running;
  const old = wanted !== running;
  const line = Number(query.value.get("line")) || undefined;
  const text = useResource((signal) => get(at`/api/v1/revisions/${wanted}`, {}, { signal }), [wanted]);
  const tests = useResource((signal) => get("/api/v1/rules/tests", {}, { signal }), [list.revision.number], { keep: true });
  const notes = useMemo(() => (old ? {} : annotations(list, tests.data)), [old, list, tests.data]);

  return html`${old && html`<${Old} number=${wanted} at=${text.data?.at} running=${running} />`}
    ${!old && html`<${Summary} list=${list} tests=${tests} />`}
    <div class="rules-file">
      <div class="rules-text">
        ${text.error && (isMissing(text.error) ? html`<${NoText} old=${old} />` : html`<${ErrorBox} title="The file cannot be shown" error=${text.error} retry=${text.reload} />`)}
        ${!text.data && !text.error && html`<${Loading} lines=${12} />`}
        ${text.data &&
        html`<div class="rules-text-head"><span class="quiet small">Secrets that stand in the file are shown as <code>***</code>.</span><span class="spacer"></span><${CopyButton} text=${text.data.text} what="File" /></div>
          <${Source} label=${`Revision ${wanted} of the rules file`} text=${text.data.text} current=${line} ...${notes} />`}
      </div>
      ${!old && html`<${Outline} list=${list} tests=${tests.data} current=${line} />`}
    </div>`;
}

function Old({ number, at: since, running }) {
  return html`<${Note} tone="warn">Revision ${number}${since && html`, loaded <${Time} value=${since} />`}; it does not run any more.
    <${Button} small onClick=${() => setQuery({ revision: "", line: "" }, { replace: false })}>Show revision ${running}, which runs<//><//>`;
}

function NoText({ old }) {
  if (old) return html`<${Empty} title="This revision is not kept any more" icon="rules">The text of a revision is kept as long as an event that it routed.<//>`;
  return html`<${Empty} title="The text of the file is not kept" icon="rules">It is stored with the first event that this revision routes.<//>`;
}

/** What the tests came to and what was found, in a line each. */
function Summary({ list, tests }) {
  const findings = list.findings ?? [];
  const results = tests.data?.tests ?? [];
  const failed = results.filter(({ passed }) => !passed);
  const untested = tests.data?.untested ?? [];
  return html`<div class="rules-summary">
    <div class="rules-fact"><${Icon} name="test" />
      ${tests.error
        ? html`<span class="quiet">The tests did not run: ${tests.error.detail ?? tests.error.message}</span>`
        : !tests.data
          ? html`<span class="quiet">Running the tests…</span>`
          : results.length === 0
            ? html`<span>No tests yet. <span class="quiet">An event's page makes one of an event that arrived.</span></span>`
            : html`<${Badge} tone=${failed.length > 0 ? "bad" : "ok"}>${failed.length > 0 ? `${failed.length} of ${plural(results.length, "test")} failed` : `${plural(results.length, "test")} passed`}<//>
                ${failed.slice(0, 3).map((test) => html`<${ToLine} key=${test.name} line=${test.line}>${test.name}<//>`)}`}
      ${untested.length > 0 && results.length > 0 && html`<details class="more"><summary>${plural(untested.length, "rule")} that no test exercises</summary><ul class="names">${untested.map((name) => html`<li key=${name}>${name}</li>`)}</ul></details>`}
      <${Button} small icon="replay" busy=${tests.loading} onClick=${tests.reload}>Run tests<//></div>
    ${findings.length > 0 &&
    html`<div class="rules-fact"><${Icon} name="warn" />
      ${findings.map((finding, index) => html`<${ToLine} key=${index} line=${finding.line}><${Badge} tone=${LEVELS[finding.level]}>${finding.code ?? finding.level}<//> ${finding.line ? `line ${finding.line}` : finding.path}<//>`)}</div>`}
  </div>`;
}

/** A link to a line of the file. */
function ToLine({ line, children }) {
  if (!line) return html`<span class="to-line">${children}</span>`;
  return html`<a class="to-line" href=${`/rules?line=${line}`}>${children}</a>`;
}

/** What stands beside and beneath the lines. */
function annotations(list, tests) {
  const [beside, beneath] = [new Map(), new Map()];
  const add = (map, line, node) => line && map.set(line, [...(map.get(line) ?? []), node]);
  for (const rule of list.rules) add(beside, rule.line, html`<${Hits} key=${rule.name} rule=${rule} since=${list.counted_since} />`);
  for (const test of tests?.tests ?? []) {
    add(beside, test.line, html`<${Badge} key=${test.name} tone=${test.passed ? "ok" : "bad"}><${Icon} name=${test.passed ? "check" : "cross"} size=${11} />${test.passed ? "passed" : "failed"}${test.took_ms !== undefined && ` · ${duration(test.took_ms)}`}<//>`);
    if (!test.passed) add(beneath, test.line, html`<${Failed} key=${test.name} test=${test} />`);
  }
  for (const [index, finding] of (list.findings ?? []).entries()) add(beneath, finding.line, html`<${Finding} key=${`finding ${index}`} finding=${finding} />`);
  return { beside, beneath };
}

function Hits({ rule, since }) {
  const told = since ? `since ${since}` : undefined;
  return html`${rule.mode === "shadow" && html`<${ShadowBadge} />`}
    ${!rule.enabled && html`<${Badge} tone="off">switched off<//>`}
    ${rule.matches !== undefined &&
    (rule.matches > 0
      ? html`<a class="hits" href=${`/?rule=${encodeURIComponent(rule.name)}`} title=${told}>${plural(rule.matches, "hit")}${rule.last_match && html`<span class="quiet"> · <${Ago} value=${rule.last_match.at} /></span>`}<span class="visually-hidden"> of ${rule.name}: show the events</span></a>`
      : html`<span class="hits quiet" title=${told}>no hits</span>`)}`;
}

function Failed({ test }) {
  return html`<div class="note tone-bad"><${Icon} name="cross" /><div class="note-text"><strong>${test.name} failed</strong>
    <ul class="lines">${[...(test.problems ?? []), ...(test.differences ?? [])].map((text, index) => html`<li key=${index}>${text}</li>`)}</ul></div></div>`;
}

function Finding({ finding }) {
  return html`<div class=${`note tone-${LEVELS[finding.level] ?? "wait"}`}><${Icon} name=${finding.level === "error" ? "cross" : "warn"} />
    <div class="note-text">${finding.code && html`<code class="finding-code">${finding.code}</code> `}${finding.text}${finding.hint && html`<p class="second">${finding.hint}</p>`}</div></div>`;
}

/** Every rule in a line, to jump to; and, where no text can be shown, all that is known. */
function Outline({ list, tests, current }) {
  const untested = new Set(tests?.tests?.length > 0 ? tests.untested : []);
  return html`<aside class="outline" aria-labelledby="outline-title">
    <h2 id="outline-title">${plural(list.rules.length, "rule")}${list.counted_since && html` <span class="quiet">hits since <${Time} value=${list.counted_since} /></span>`}</h2>
    <ol class="outline-list">${list.rules.map((rule) => html`<${Entry} key=${rule.name} rule=${rule} current=${rule.line !== undefined && rule.line === current} untested=${untested.has(rule.name)} />`)}
      <li class="outline-rule"><span class="quiet">otherwise</span><span class="outline-to">${list.fallback.length > 0 ? list.fallback.map((name) => html`<span class="chip" key=${name}>${name}</span>`) : html`<span class="quiet">unrouted: kept, sent nowhere</span>`}</span></li>
    </ol>
  </aside>`;
}

function Entry({ rule, current, untested }) {
  const name = rule.line ? html`<a href=${`/rules?line=${rule.line}`} aria-current=${current ? "true" : undefined}>${rule.name}</a>` : html`<span>${rule.name}</span>`;
  return html`<li class="outline-rule">
    <span class="outline-name">${name}</span>
    <span class="outline-hits">${rule.matches !== undefined && html`<span title=${rule.last_match ? `last ${rule.last_match.at}` : undefined}>${count(rule.matches)}</span>`}</span>
    <span class="outline-to">
      ${rule.mode === "shadow" && html`<${ShadowBadge} />`}${!rule.enabled && html`<${Badge}>off<//>`}
      ${rule.ignore ? html`<span class="quiet">ignored</span>` : rule.to.map((target) => html`<span class="chip" key=${target}>${target}</span>`)}
      ${rule.stop && !rule.ignore && html`<span class="quiet" title="Rules below it are not looked at once it matched">stops</span>`}
      ${!rule.conditional && html`<span class="quiet">every event</span>`}
      ${untested && html`<span class="quiet">untested</span>`}
      ${rule.last_match && html`<a class="quiet" href=${at`/events/${rule.last_match.event}`} title="The last event that it matched"><span class="visually-hidden">Last event of ${rule.name}: </span><${Ago} value=${rule.last_match.at} /></a>`}
    </span>
  </li>`;
}

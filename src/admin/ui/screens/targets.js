// Where events go: how each target does, what waits for it, and what was given up.

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { at, get, post } from "../lib/api.js";
import { REASONS } from "../lib/deliveries.js";
import { ago, count, duration, now, plural, shortId } from "../lib/format.js";
import { look } from "../lib/instance.js";
import { useKeys } from "../lib/keys.js";
import { useResource } from "../lib/resource.js";
import { navigate, query, setQuery } from "../lib/router.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Chart } from "../components/chart.js";
import { Confirm } from "../components/dialog.js";
import { Empty, ErrorBox, Loading } from "../components/notes.js";
import { Segmented } from "../components/tabs.js";
import { Ago } from "../components/time.js";
import { toast, toastError } from "../components/toast.js";

const EVERY_MS = 3_000;
const EVERY_SERIES_MS = 15_000;
const WINDOWS = [
  { id: "15", label: "15 min" },
  { id: "60", label: "1 h" },
  { id: "180", label: "3 h" },
];
/** For how many of the last minutes a failure counts as news. */
const RECENT = 5;
/** Dead letters that are shown at first, and that are added each time; the server gives no more than the last at once. */
const PAGE = 50;
const PAGE_MAX = 1_000;

export function Targets() {
  const window = WINDOWS.find(({ id }) => id === query.value.get("minutes"))?.id ?? "60";
  const list = useResource((signal) => get("/api/v1/targets", {}, { signal }), [], { every: EVERY_MS, keep: true });
  const series = useResource((signal) => get("/api/v1/targets/series", { minutes: window }, { signal }), [window], { every: EVERY_SERIES_MS, keep: true });
  const targets = list.data?.targets ?? [];
  const ofTarget = new Map((series.data?.targets ?? []).map((one) => [one.name, one]));

  return html`<div class="screen">
    <header class="screen-head">
      <h1>Targets</h1>
      ${list.data && html`<span class="quiet">${plural(targets.filter(({ configured }) => configured).length, "target")}</span>`}
      <span class="spacer"></span>
      <${Segmented} label="Time shown" value=${window} choices=${WINDOWS} onChange=${(id) => setQuery({ minutes: id === "60" ? "" : id })} />
    </header>
    <div class="screen-body">
    ${list.error && html`<${ErrorBox} title="The targets are not up to date" error=${list.error} retry=${list.reload} />`}
    ${!list.data && !list.error && html`<${Loading} lines=${6} />`}
    ${list.data && targets.length === 0 && html`<${Empty} title="No targets yet" icon="targets">Name one under <code>targets</code> in the rules file.<//>`}
    <div class="targets">
      ${targets.map((target) => html`<${Target} key=${target.name} target=${target} series=${ofTarget.get(target.name)} about=${series.data && { ...series.data, minutes: Number(window) }} changed=${list.reload} />`)}
    </div>
    <${DeadLetters} targets=${targets} changed=${list.reload} />
    </div>
  </div>`;
}

/** How a target does, in a word and a sentence. */
function health(target, series) {
  const recent = (values) => (values ?? []).slice(-RECENT).reduce((all, value) => all + value, 0);
  const failed = series ? recent(series.failed) > 0 : target.last_failure && now.value - Date.parse(target.last_failure.at) < RECENT * 60_000;
  if (!target.configured) return { tone: "off", word: "removed", text: "The running configuration does not have it any more." };
  if (target.paused) return { tone: "wait", word: "paused", text: "Somebody paused it. What is for it waits, and expires only afterwards." };
  if (target.circuit === "open") return { tone: "bad", word: "failing", text: "Its circuit is open: it failed again and again, so it gets nothing but a try now and then." };
  if (target.circuit === "probing") return { tone: "warn", word: "probing", text: "Its circuit was open; a try is under way to see whether it is back." };
  if (failed) return { tone: "warn", word: "unsteady", text: `An attempt failed in the last ${RECENT} minutes.` };
  return { tone: "ok", word: "healthy", text: `No attempt failed in the last ${RECENT} minutes.` };
}

function Target({ target, series, about, changed }) {
  const [busy, setBusy] = useState(false);
  const state = health(target, series);
  const id = `target-${target.name}`;
  const toggle = async () => {
    setBusy(true);
    try {
      await post(at`/api/v1/targets/${target.name}/${target.paused ? "resume" : "pause"}`);
      toast(target.paused ? `${target.name} gets its deliveries again` : `${target.name} is paused`, target.paused ? {} : { detail: "What is for it waits until you resume it." });
      await changed();
    } catch (error) {
      toastError(error, `${target.name} is as it was`);
    }
    setBusy(false);
  };

  return html`<article class="card target" aria-labelledby=${id}>
    <header class="card-head">
      <h2 id=${id} class="target-name">${target.name}</h2>
      <${Badge} tone=${state.tone} title=${state.text}>${state.word}<//>
      <span class="quiet target-kind">${target.kind}${target.address && html` <span class="breakable">${target.address}</span>`}</span>
      <span class="spacer"></span>
      ${(target.configured || target.paused) &&
      html`<${Button} small icon=${target.paused ? "play" : "pause"} busy=${busy} onClick=${toggle} label=${`${target.paused ? "Resume" : "Pause"} ${target.name}`}>${target.paused ? "Resume" : "Pause"}<//>`}
    </header>
    <div class="card-body target-body">
    <dl class="figures">
      <${Figure} name="Waiting" value=${count(target.pending)} tone=${target.pending > 0 ? undefined : "off"} to=${target.pending > 0 && `/?target=${encodeURIComponent(target.name)}&state=pending`} />
      <${Figure} name="Oldest" value=${target.oldest_pending ? html`<span title=${target.oldest_pending}>${duration(Math.max(0, now.value - Date.parse(target.oldest_pending)))}</span>` : "–"} tone=${target.oldest_pending ? undefined : "off"} />
      <${Figure} name="Under way" value=${count(target.in_flight)} tone=${target.in_flight > 0 ? undefined : "off"} />
      <${Figure} name="Circuit" value=${target.circuit} tone=${{ open: "bad", probing: "warn" }[target.circuit] ?? "off"} />
      <${Figure} name="Dead letters" value=${count(target.dead_letters)} tone=${target.dead_letters > 0 ? "bad" : "off"} to=${target.dead_letters > 0 && `/targets?target=${encodeURIComponent(target.name)}#dead-letters`} />
    </dl>
    ${state.tone !== "ok" && html`<p class="target-why">${state.text}</p>`}
    ${target.last_failure &&
    html`<p class="target-failure"><span class="quiet">Last failure <${Ago} value=${target.last_failure.at} />:</span> ${target.last_failure.detail}</p>`}
    <${Charts} name=${target.name} series=${series} about=${about} />
    </div>
  </article>`;
}

function Figure({ name, value, tone, to }) {
  const shown = to ? html`<a href=${to}>${value}</a>` : value;
  return html`<div class="figure"><dt>${name}</dt><dd class=${tone ? `tone-${tone}` : undefined}>${shown}</dd></div>`;
}

/** Latency, attempts and backlog over time. */
function Charts({ name, series, about }) {
  if (!about) return html`<div class="charts"><${Loading} lines=${2} label=${`Loading the charts of ${name}`} /></div>`;
  if (!series) return null;
  // It counts since the program began; the time before that is empty.
  const lacks = Math.max(0, about.minutes - series.accepted.length);
  const padded = (values) => [...new Array(lacks).fill(null), ...values];
  const shared = { from: Date.parse(about.from) - lacks * about.step_s * 1_000, step_s: about.step_s };
  const total = (values) => values.reduce((all, value) => all + value, 0);
  const [accepted, failed] = [total(series.accepted), total(series.failed)];
  const rate = accepted + failed > 0 ? `${((failed / (accepted + failed)) * 100).toFixed(failed > 0 && failed * 100 < accepted + failed ? 1 : 0)} % of ${count(accepted + failed)} failed` : "Attempts";
  return html`<div class="charts">
    <${Chart} ...${shared} title="Latency" form="lines" show=${duration} empty="no attempt in this time"
      series=${[
        { name: "p95", tone: "accent-soft", values: padded(series.p95_ms) },
        { name: "p50", tone: "accent", values: padded(series.p50_ms) },
      ]} />
    <${Chart} ...${shared} title=${rate} form="bars" show=${count} empty="no attempt in this time"
      series=${[
        { name: "accepted", tone: "ok", values: padded(series.accepted) },
        { name: "failed", tone: "bad", values: padded(series.failed) },
      ]} />
    <${Chart} ...${shared} title="Waiting" form="bars" show=${count} empty="nothing waited in this time" series=${[{ name: "waiting", tone: "wait", values: padded(series.pending) }]} />
  </div>`;
}

/** What was given up, and what to do with it. */
function DeadLetters({ targets, changed }) {
  const [target, reason] = [query.value.get("target") ?? "", query.value.get("reason") ?? ""];
  const [limit, setLimit] = useState(PAGE);
  const list = useResource((signal) => get("/api/v1/dead-letters", { target, reason, limit }, { signal }), [target, reason, limit], { every: EVERY_MS, keep: true });
  const [chosen, setChosen] = useState(() => new Set());
  const [asking, setAsking] = useState();
  const [current, setCurrent] = useState();
  const place = useRef(0);
  const section = useRef(null);

  const letters = list.data?.dead_letters ?? [];
  const selected = letters.filter(({ id }) => chosen.has(id));
  const filtered = target !== "" || reason !== "";
  const names = [...new Set([...targets.filter(({ dead_letters: dead }) => dead > 0).map(({ name }) => name), ...(target ? [target] : [])])];

  useEffect(() => {
    if (location.hash === "#dead-letters" && list.data) section.current?.scrollIntoView({ block: "start" });
  }, [list.data !== undefined, target, reason]);
  useEffect(() => setChosen(new Set()), [target, reason]);

  const choose = (ids, on) => {
    const next = new Set(chosen);
    for (const id of ids) next[on ? "add" : "delete"](id);
    setChosen(next);
  };
  const change = async (what, selection) => {
    setAsking((old) => old && { ...old, busy: true });
    try {
      const { count: changes } = await post(`/api/v1/dead-letters/${what}`, selection);
      toast(what === "retry" ? `${plural(changes, "delivery", "deliveries")} will be tried again` : `${plural(changes, "dead letter")} dropped`);
      setChosen(new Set());
      look();
      await Promise.all([list.reload(), changed()]);
    } catch (error) {
      toastError(error, what === "retry" ? "Nothing is tried again" : "Nothing was dropped");
    }
    setAsking(undefined);
  };
  const everything = filtered ? { ...(target && { target }), ...(reason && { reason }) } : { all: true };
  // Where not all are here, those of targets are counted; those with a reason are not.
  const ofTargets = targets.filter(({ name }) => !target || name === target).reduce((all, { dead_letters: dead }) => all + dead, 0);
  const everyone = described(target, reason, !list.data?.next ? letters.length : reason ? 0 : ofTargets);
  const ask = (what, selection, text) => setAsking({ what, selection, text });
  const dropOne = (letter) => ask("drop", { ids: [letter.id] }, `the delivery of ${letter.event ?? "an event"} to ${letter.target}`);
  const retryOne = (letter) => change("retry", { ids: [letter.id] });

  // The list is read anew all the time: what one has gone to is known by its id. Where it went away, the next one took its place.
  const found = letters.findIndex(({ id }) => id === current);
  const row = letters[found];
  if (row) place.current = found;
  const step = (by) => {
    const from = row || by < 0 ? place.current : place.current - 1;
    const next = Math.min(letters.length - 1, Math.max(0, from + by));
    setCurrent(letters[next].id);
    // The focus goes along: else Enter would press the button that has it.
    section.current?.querySelectorAll("tbody tr")[next]?.querySelector("a").focus();
  };
  useKeys([
    { keys: ["j", "ArrowDown"], label: "Next dead letter", run: () => step(1), when: letters.length > 0 },
    { keys: ["k", "ArrowUp"], label: "Dead letter before", run: () => step(-1), when: letters.length > 0 },
    { keys: ["x"], label: "Select the dead letter", run: () => choose([row.id], !chosen.has(row.id)), when: row !== undefined },
    { keys: ["r"], label: "Retry the dead letter", run: () => retryOne(row), when: row !== undefined },
    { keys: ["Enter", "o"], label: "Open its event", run: () => navigate(at`/events/${row.event_id}`), when: row !== undefined },
  ]);

  return html`<section class="card dead-letters" id="dead-letters" ref=${section} aria-labelledby="dead-letters-title">
    <header class="card-head">
      <h2 id="dead-letters-title">Dead letters</h2>
      ${(letters.length > 0 || filtered) &&
      html`<div class="filters">
        <${Choice} label="Target" value=${target} none="every target" options=${names.map((name) => [name, name])} onChange=${(value) => filter({ target: value })} />
        <${Choice} label="Reason" value=${reason} none="every reason" options=${Object.keys(REASONS).filter((name) => name !== "dropped").map((name) => [name, name.replaceAll("_", " ")])}
          onChange=${(value) => filter({ reason: value })} />
      </div>`}
      <span class="spacer"></span>
      ${letters.length > 0 &&
      (selected.length > 0
        ? html`<${Button} small icon="replay" onClick=${() => change("retry", { ids: selected.map(({ id }) => id) })}>Retry ${count(selected.length)}<//>
            <${Button} small variant="danger" icon="trash" onClick=${() => ask("drop", { ids: selected.map(({ id }) => id) }, plural(selected.length, "dead letter"))}>Drop ${count(selected.length)}…<//>`
        : html`<${Button} small icon="replay" onClick=${() => ask("retry", everything, everyone)}>Retry all…<//>
            <${Button} small icon="trash" onClick=${() => ask("drop", everything, everyone)}>Drop all…<//>`)}
    </header>
    ${list.error && html`<${ErrorBox} title="The dead letters are not up to date" error=${list.error} retry=${list.reload} />`}
    ${!list.data && !list.error && html`<${Loading} lines=${3} />`}
    ${list.data && letters.length === 0 && html`<${None} filtered=${filtered} />`}
    ${letters.length > 0 && html`<${Letters} letters=${letters} chosen=${chosen} choose=${choose} current=${current} retry=${retryOne} drop=${dropOne} />`}
    ${list.data?.next && limit < PAGE_MAX && html`<div class="more-row"><${Button} busy=${list.loading} onClick=${() => setLimit(Math.min(PAGE_MAX, limit + PAGE))}>Show more<//></div>`}
    ${asking && html`<${Ask} asking=${asking} onConfirm=${() => change(asking.what, asking.selection)} onClose=${() => setAsking(undefined)} />`}
  </section>`;
}

/** Back undoes it. */
function filter(changes) {
  setQuery(changes, { replace: false });
}

function described(target, reason, number) {
  const parts = [number > 1 && "all", number ? plural(number, "dead letter") : "all dead letters", target && `of ${target}`, reason && `with the reason ${reason.replaceAll("_", " ")}`];
  return parts.filter(Boolean).join(" ");
}

function None({ filtered }) {
  if (filtered) {
    return html`<${Empty} title="No such dead letters" icon="check"><${Button} small onClick=${() => filter({ target: "", reason: "" })}>Show all of them<//><//>`;
  }
  return html`<${Empty} title="No dead letters" icon="check">What a target refuses for good, or does not take in time, lies here with its reason until you retry or drop it.<//>`;
}

function Ask({ asking, onConfirm, onClose }) {
  const drop = asking.what === "drop";
  return html`<${Confirm} title=${drop ? "Drop for good?" : "Retry them?"} action=${drop ? "Drop" : "Retry"} danger=${drop} busy=${asking.busy} onConfirm=${onConfirm} onClose=${onClose}>
    ${drop
      ? html`<p>This drops ${asking.text}. What is dropped will not be delivered any more; events and attempts stay in the history.</p>`
      : html`<p>This makes ${asking.text} due now, each with a fresh age. What caused them should be mended first.</p>`}
  <//>`;
}

function Choice({ label, value, none, options, onChange }) {
  return html`<label><span class="visually-hidden">${label}</span>
    <select class="select" value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
      <option value="">${none}</option>
      ${options.map(([id, text]) => html`<option key=${id} value=${id}>${text}</option>`)}
    </select></label>`;
}

function Letters({ letters, chosen, choose, current, retry, drop }) {
  const all = letters.every(({ id }) => chosen.has(id));
  const some = letters.some(({ id }) => chosen.has(id));
  const box = useRef(null);
  useEffect(() => {
    if (box.current) box.current.indeterminate = some && !all;
  }, [some, all]);
  return html`<div class="table-wrap" role="region" aria-label="Dead letters, newest first" tabindex="0">
    <table class="table letters">
      <thead><tr>
        <th scope="col" class="letters-choose"><input type="checkbox" ref=${box} checked=${all} aria-label="Select all that are shown" onChange=${(event) => choose(letters.map(({ id }) => id), event.currentTarget.checked)} /><span class="only-narrow" aria-hidden="true">all</span></th>
        <th scope="col">Given up</th><th scope="col">Event</th><th scope="col">Target</th><th scope="col">Why</th><th scope="col" class="align-end">Attempts</th>
        <th scope="col"><span class="visually-hidden">What to do</span></th>
      </tr></thead>
      <tbody>${letters.map((letter) => html`<${Letter} key=${letter.id} letter=${letter} chosen=${chosen.has(letter.id)} current=${letter.id === current}
        choose=${(on) => choose([letter.id], on)} retry=${() => retry(letter)} drop=${() => drop(letter)} />`)}</tbody>
    </table>
  </div>`;
}

function Letter({ letter, chosen, current, choose, retry, drop }) {
  const name = `${letter.event ?? "event"} to ${letter.target}`;
  return html`<tr class=${current ? "is-current" : undefined} aria-selected=${chosen ? "true" : undefined}>
    <td class="letters-choose"><input type="checkbox" checked=${chosen} aria-label=${`Select ${name}`} onChange=${(event) => choose(event.currentTarget.checked)} /></td>
    <td data-label="Given up" class="nowrap">${letter.ended_at && html`<span title=${letter.ended_at}>${ago(letter.ended_at, now.value)}</span>`}</td>
    <td data-label="Event"><a href=${at`/events/${letter.event_id}`}>${letter.event ?? "event"}</a>${letter.call && html` <a class="mono quiet nowrap" href=${at`/calls/${letter.call}`} title=${letter.call}>${shortId(letter.call)}</a>`}</td>
    <td data-label="Target">${letter.target}</td>
    <td data-label="Why"><${Badge} tone="bad" title=${REASONS[letter.reason]}>${(letter.reason ?? "").replaceAll("_", " ")}<//> <span class="quiet breakable">${letter.detail}</span></td>
    <td data-label="Attempts" class="align-end">${count(letter.attempts)}</td>
    <td class="letters-do nowrap"><${Button} small icon="replay" label=${`Retry ${name}`} onClick=${retry} /><${Button} small icon="trash" label=${`Drop ${name}`} onClick=${drop} /></td>
  </tr>`;
}

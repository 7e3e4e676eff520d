// Everything about one call or chat on one line of time: what came and when, how long it was silent, what is outstanding.

import { html, useMemo, useState } from "../lib/html.js";
import { at, get, post } from "../lib/api.js";
import { course, outstanding } from "../lib/course.js";
import { deliveredMs, isPending, latestByTarget, nameOf, stateOf } from "../lib/deliveries.js";
import { day, duration, offset, plural } from "../lib/format.js";
import { look, masks } from "../lib/instance.js";
import { useKeys } from "../lib/keys.js";
import { useResource } from "../lib/resource.js";
import { goBack, navigate } from "../lib/router.js";
import { conversation } from "../lib/transcript.js";
import { Badge, DeliveryBadge, Dot, Marks, StateBadge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { CopyId } from "../components/copy.js";
import { Next, useTargets } from "../components/deliveries.js";
import { Icon } from "../components/icon.js";
import { Empty, ErrorBox, Loading, Note } from "../components/notes.js";
import { Ago, Time } from "../components/time.js";
import { toast, toastError } from "../components/toast.js";
import { written } from "../components/transcript.js";

/** How often a call is looked at while something about it is pending, and while nothing is. */
const PENDING_MS = 2_000;
const SETTLED_MS = 5_000;
/** Most events of one call that are shown: the newest. */
const EVENTS_MAX = 1_000;
/** A silence that is worth a word. */
const GAP_MS = 1_000;
/** From how many turns of a transcript in a row on they are folded. */
const FOLD_FROM = 4;

/** @param {{id: string}} props */
export function Call({ id }) {
  const found = useResource((signal) => get("/api/v1/events", { call: id, limit: EVENTS_MAX }, { signal }), [id], {
    every: (page) => (page?.events.some(isPending) ? PENDING_MS : SETTLED_MS),
  });
  const events = found.data?.events;
  const line = useMemo(() => course(events ?? []), [events]);
  const [selected, setSelected] = useState(-1);
  const go = (step) => {
    const next = Math.min(Math.max(selected + step, 0), line.events.length - 1);
    setSelected(next);
    requestAnimationFrame(() => document.getElementById(`moment-${line.events[next]?.id}`)?.focus());
  };
  useKeys([
    { keys: ["j", "ArrowDown"], label: "Next event", run: () => go(1) },
    { keys: ["k", "ArrowUp"], label: "Event before", run: () => go(-1) },
    { keys: "Enter", label: "Open the event", run: () => line.events[selected] && navigate(at`/events/${line.events[selected].id}`) },
    { keys: "Escape", label: "Back", run: () => goBack("/") },
  ]);
  return html`<div class="screen">
    <header class="screen-head">
      <${Button} variant="ghost" icon="left" label="Back (Esc)" onClick=${() => goBack("/")} />
      <h1>${line.kind === "chat" ? "Chat" : "Call"}</h1>
      <${CopyId} id=${id} length=${34} />
      <span class="spacer"></span>
      <a class="button is-small" href=${`/?call=${encodeURIComponent(id)}`}><${Icon} name="live" /><span>In the list</span></a>
    </header>
    <div class="screen-body call">
      ${found.error && html`<${ErrorBox} error=${found.error} retry=${found.reload} />`}
      ${!events || masks.value === undefined
        ? !found.error && html`<${Loading} lines=${8} label="Loading the call" />`
        : events.length === 0
          ? html`<${Empty} title="No event of this call is here" icon="phone"><p>Either none has arrived, or they are older than the store keeps them.</p><a class="button" href="/">To the live events</a><//>`
          : html`<${Course} line=${line} whole=${found.data.next === undefined} selected=${selected} onSelect=${setSelected} onChange=${found.reload} />`}
    </div>
  </div>`;
}

function Course({ line, whole, selected, onSelect, onChange }) {
  const open = outstanding(line.events);
  return html`<div class="call-grid">
    <section class="call-line" aria-label="Time line">
      ${!whole && html`<${Note}>It has more than ${EVENTS_MAX} events; these are the newest.<//>`}
      <${TimeLine} line=${line} selected=${selected} onSelect=${onSelect} />
    </section>
    <aside class="call-side">
      <${Summary} line=${line} />
      <section class="card">
        <header class="card-head"><h2>Outstanding</h2><span class="spacer"></span><${Badge} tone=${open.length === 0 ? "ok" : open.some(({ delivery }) => delivery.state === "dead") ? "bad" : "wait"}>${open.length === 0 ? "nothing" : open.length}<//></header>
        <div class="card-body stack">${open.length === 0 && line.missing.length === 0 ? html`<p class="second">Everything that was planned has been delivered.</p>` : html`<${Outstanding} open=${open} missing=${line.missing} onChange=${onChange} />`}</div>
      </section>
    </aside>
  </div>`;
}

/** Events in order, silences between them, and turns of a transcript that came one after the other folded into one line. */
function TimeLine({ line, selected, onSelect }) {
  const [unfolded, setUnfolded] = useState(() => new Set());
  const start = Date.parse(line.first);
  const pieces = [];
  const missingBefore = (id) => line.missing.filter((one) => one.before === id).map((one) => html`<${Missing} key=${one.name} ...${one} />`);
  let before;
  for (let index = 0; index < line.events.length; index += 1) {
    const event = line.events[index];
    pieces.push(missingBefore(event.id));
    const gap = before === undefined ? 0 : Date.parse(event.received_at) - before;
    if (gap >= GAP_MS) pieces.push(html`<li class="gap" key=${`gap-${event.id}`}><span>${duration(gap)}</span></li>`);
    const end = runEnd(line.events, index);
    const reached = selected >= index && selected < end;
    if (end - index >= FOLD_FROM && !reached && !unfolded.has(event.id)) {
      const last = line.events[end - 1];
      pieces.push(html`<li class="moment is-fold" key=${`fold-${event.id}`}><span class="moment-at">${offset(Date.parse(event.received_at) - start)}</span><span class="moment-sign"></span>
        <button type="button" class="tree-more" onClick=${() => setUnfolded(new Set(unfolded).add(event.id))}>${plural(end - index, `${event.event} event`)} within ${duration(Date.parse(last.received_at) - Date.parse(event.received_at))}</button></li>`);
      index = end - 1;
      before = Date.parse(last.received_at);
      continue;
    }
    pieces.push(html`<${Moment} key=${event.id} event=${event} place=${Date.parse(event.received_at) - start} late=${line.late.has(event.id)} selected=${index === selected} onFocus=${((place) => () => onSelect(place))(index)} />`);
    before = Date.parse(event.received_at);
  }
  pieces.push(missingBefore(undefined));
  return html`<ol class="course">${pieces}</ol>`;
}

function Missing({ name, text }) {
  return html`<li class="moment is-missing"><span class="moment-at"></span><span class="moment-sign"></span>
    <div class="moment-text"><strong>${name}</strong> <${Badge} tone="wait">not here<//><p class="quiet small">${text}</p></div></li>`;
}

/** Where a run of events that only tell of turns ends. */
function runEnd(events, from) {
  let end = from;
  while (end < events.length && events[end].event === "transcript_updated" && events[end].state === events[from].state) end += 1;
  return end;
}

function Moment({ event, place, late, selected, onFocus }) {
  const delivered = deliveredMs(event);
  const worst = event.deliveries.map(stateOf).includes("dead") ? "bad" : event.deliveries.some((delivery) => delivery.state === "pending") ? "wait" : event.state === "unrouted" ? "warn" : event.state === "routed" ? "ok" : "off";
  return html`<li class=${`moment tone-${worst} ${selected ? "is-selected" : ""}`}>
    <span class="moment-at" title="Since the first event">${offset(place)}</span>
    <span class="moment-sign"></span>
    <div class="moment-text">
      <div class="moment-head">
        <a class="moment-name" id=${`moment-${event.id}`} href=${at`/events/${event.id}`} onFocus=${onFocus}>${nameOf(event)}</a>
        ${event.state !== "routed" && html`<${StateBadge} state=${event.state} />`}
        <${Marks} event=${event} />
        ${late && html`<${Badge} tone="warn" title="It came behind an event that happens after it">out of order<//>`}
        <span class="spacer"></span>
        <span class="quiet small"><${Time} value=${event.received_at} ms /></span>
      </div>
      ${event.rules.length > 0 && html`<p class="second small">${event.rules.join(" · ")}</p>`}
      ${event.deliveries.length > 0 &&
      html`<ul class="moment-targets">${latestByTarget(event.deliveries).map((delivery) => html`<li key=${delivery.id}><${Dot} delivery=${delivery} /><span aria-hidden="true">${delivery.target}</span></li>`)}
        ${delivered !== undefined && html`<li class="quiet">delivered after ${duration(delivered)}</li>`}</ul>`}
    </div>
  </li>`;
}

/** What the last event with a body worth reading says about the conversation. */
function Summary({ line }) {
  const telling = [...line.events].reverse().find((event) => /_(analyzed|ended|started)$/.test(event.event ?? "")) ?? line.events.at(-1);
  const body = useResource((signal) => get(at`/api/v1/events/${telling.id}/body`, { masked: masks.value }, { signal }), [telling.id, masks.value]);
  const facts = body.data ? conversation(body.data).facts : [];
  const spread = Date.parse(line.last) - Date.parse(line.first);
  return html`<section class="card">
    <header class="card-head"><h2>${line.kind === "chat" ? "This chat" : "This call"}</h2><span class="spacer"></span><span class="quiet small">${day(line.first)}</span></header>
    <div class="card-body"><dl class="facts">
      <dt>Events</dt><dd>${plural(line.events.length, "event")}${spread > 0 && html` <span class="quiet">within ${duration(spread)}</span>`}</dd>
      <dt>Last one</dt><dd><${Ago} value=${line.last} /></dd>
      ${facts.map(([label, value, form]) => html`<dt key=${label}>${label}</dt><dd>${written(value, form)}</dd>`)}
    </dl></div>
  </section>`;
}

function Outstanding({ open, missing, onChange }) {
  const [busy, setBusy] = useState(false);
  const targets = useTargets(open.some(({ delivery }) => delivery.state === "pending"));
  const dead = open.filter(({ delivery }) => delivery.state === "dead");
  const retry = async () => {
    setBusy(true);
    try {
      const { count } = await post("/api/v1/dead-letters/retry", { ids: dead.map(({ delivery }) => delivery.id) });
      toast(`Trying ${plural(count, "dead letter")} again`);
      look();
      onChange();
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
  };
  return html`${open.length > 0 &&
    html`<ul class="stack open-list">${open.map(
      ({ event, delivery }) => html`<li key=${delivery.id}>
        <div class="row"><strong>${delivery.target}</strong><${DeliveryBadge} delivery=${delivery} /></div>
        <p class="second small"><a href=${at`/events/${event.id}`}>${event.event ?? "event"}</a>${delivery.state === "pending"
          ? html`. <${Next} delivery=${delivery} targets=${targets} />`
          : html`, ${(delivery.reason ?? "given up").replaceAll("_", " ")} after ${plural(delivery.attempts, "attempt")}`}</p>
      </li>`,
    )}</ul>`}
    ${dead.length > 0 && html`<div><${Button} small icon="replay" busy=${busy} onClick=${retry}>Retry ${plural(dead.length, "dead letter")}<//></div>`}
    ${missing.length > 0 && html`<p class="second small">Not here: ${missing.map(({ name }) => name).join(", ")}.</p>`}`;
}

// Events as they arrive. What is filtered stands in the address; the list stands still while one reads further down, and says how
// many came meanwhile.

import { html, memo, signal, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/html.js";
import { deliveredMs, isPending, latestByTarget, nameOf } from "../lib/deliveries.js";
import { FILTERS, Feed } from "../lib/feed.js";
import { duration, plural } from "../lib/format.js";
import { isSigned, lookForWebhook, targets, webhook, webhookAddress } from "../lib/instance.js";
import { useKeys } from "../lib/keys.js";
import { navigate, query, setQuery } from "../lib/router.js";
import { at, reachable } from "../lib/api.js";
import { Dot, Marks, StateBadge } from "../components/badge.js";
import { Button, Kbd } from "../components/button.js";
import { Command } from "../components/copy.js";
import { Icon } from "../components/icon.js";
import { Empty, ErrorBox, Loading } from "../components/notes.js";
import { Time } from "../components/time.js";
import { Windowed } from "../components/window.js";

/** Events that Retell sends, offered before the first has come. */
const KNOWN_EVENTS = [
  "call_started", "call_ended", "call_analyzed", "call_inbound", "transcript_updated", "transfer_started", "transfer_bridged",
  "transfer_cancelled", "transfer_ended", "chat_started", "chat_ended", "chat_analyzed", "chat_inbound",
];

/** What the server filters by, of events and of their deliveries. */
const STATES = [
  { label: "Event", names: ["routed", "unrouted", "ignored", "revised", "quarantined"] },
  { label: "Delivery", names: ["pending", "delivered", "dead"] },
];

/** What the screen of an event does at once, asked from here. */
const ACTIONS = [
  ["r", "Replay the event", "replay"],
  ["e", "Edit and replay it", "edit"],
  ["c", "Copy it as curl", "curl"],
  ["t", "Save it as a test", "test"],
];

const TYPING_MS = 300;
/** How often the address for Retell is asked for while there is nothing else to show. */
const WEBHOOK_MS = 5_000;
/** Most dots in a row. */
const DOTS_MAX = 5;
/** Rows that one wants to see more of when one looks further back. */
const FURTHER = 50;
const ROW_HEIGHT = 36;
const ROW_HEIGHT_NARROW = 58;

/** What was shown last, so that coming back finds the list as it was left. */
export const lastFeed = signal(undefined);

export function Live() {
  const filters = useFilters();
  const feed = useFeed(filters);
  const narrow = useNarrow();
  const [selected, setSelected] = useState(feed.selected);
  const [paused, setPaused] = useState(false);
  const [top, setTop] = useState(true);
  const [open, setOpen] = useState(false);
  const list = useRef(null);
  const seen = useRef([]);
  const search = useRef(null);
  const rows = feed.rows.value;
  const index = rows.findIndex((row) => row.id === selected);

  feed.selected = selected;
  feed.inSight = () => {
    const ids = new Set(seen.current.map((row) => row.id));
    return feed.rows.peek().filter((row) => ids.has(row.id));
  };
  // A row that one has gone to by keyboard must not slide away, either.
  const held = paused || !top || index > 0;
  useEffect(() => feed.hold(held), [feed, held]);

  useEffect(() => {
    // Coming back, the keyboard is where it was.
    if (feed.selected) focusRow(feed.selected);
  }, []);

  const go = (step) => {
    if (rows.length === 0) return;
    const next = index < 0 ? 0 : Math.min(Math.max(index + step, 0), rows.length - 1);
    setSelected(rows[next].id);
    list.current?.show(next);
    focusRow(rows[next].id);
  };
  const toTop = () => {
    setSelected(undefined);
    list.current?.toTop();
    feed.hold(paused);
    feed.release();
  };
  const current = rows[index];
  useKeys([
    { keys: ["j", "ArrowDown"], label: "Next event", run: () => go(1) },
    { keys: ["k", "ArrowUp"], label: "Event before", run: () => go(-1) },
    { keys: "Enter", label: "Open the event", run: () => current && navigate(at`/events/${current.id}`) },
    { keys: "o", label: "Open its call", run: () => current?.call && navigate(at`/calls/${current.call}`) },
    { keys: "/", label: "Search", run: () => search.current?.select() },
    { keys: "p", label: "Pause or go on", run: () => setPaused(!paused) },
    { keys: ".", label: "To the newest", run: toTop },
    { keys: "x", label: "Clear the filters", run: () => clear() },
    { keys: "Escape", label: "Let go of the row", run: () => setSelected(undefined), when: selected !== undefined },
    ...ACTIONS.map(([keys, label, what]) => ({ keys, label, run: () => current && navigate(`${at`/events/${current.id}`}?do=${what}`) })),
  ]);

  const active = Object.keys(filters).length;
  return html`<div class="screen screen-fixed live">
    <header class="screen-head live-head">
      <h1>Live</h1>
      <${Mode} feed=${feed} paused=${paused} />
      <span class="spacer"></span>
      <${Button} small class="only-narrow" icon="filter" aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(!open)}>Filters${active > 0 ? ` (${active})` : ""}<//>
      <${Button} small icon=${paused ? "play" : "pause"} aria-pressed=${paused ? "true" : "false"} aria-keyshortcuts="p" title="p"
        disabled=${feed.mode.value === "still"} onClick=${() => setPaused(!paused)}>${paused ? "Go on" : "Pause"}<//>
    </header>
    <${FilterBar} filters=${filters} rows=${rows} search=${search} open=${open} />
    ${feed.lagged.value > 0 && html`<${Lagged} feed=${feed} />`}
    ${feed.error.value && (rows.length === 0 || feed.error.value.status !== 0) && html`<div class="live-note"><${ErrorBox} error=${feed.error.value} retry=${() => feed.begin()} /></div>`}
    <div class="live-list">
      ${feed.waiting.value > 0 &&
      html`<button type="button" class="pill" onClick=${toTop}><${Icon} name="up" size=${14} />${plural(feed.waiting.value, "new event")}</button>`}
      ${feed.loading.value
        ? html`<${Loading} lines=${9} label="Loading events" />`
        : rows.length === 0
          ? !feed.error.value && html`<${Nothing} feed=${feed} filtered=${active > 0} />`
          : html`<${Windowed} items=${rows} rowHeight=${narrow ? ROW_HEIGHT_NARROW : ROW_HEIGHT} keyOf=${(row) => row.id} label="Events, newest first"
              head=${html`<${Head} />`} foot=${html`<${Foot} feed=${feed} />`} seen=${seen} control=${list} onTop=${setTop} place=${feed}
              onNearEnd=${() => !feed.lookedTo.peek() && feed.older()}
              row=${(row, place) => html`<${EventRow} event=${row} index=${place} selected=${row.id === selected} onSelect=${setSelected} />`} />`}
    </div>
    <${Announcer} feed=${feed} />
  </div>`;
}

function useFilters() {
  const text = FILTERS.map((name) => query.value.get(name) ?? "").join("\u0000");
  return useMemo(() => Object.fromEntries(FILTERS.map((name) => [name, query.value.get(name)]).filter(([, value]) => value)), [text]);
}

function useFeed(filters) {
  const key = JSON.stringify(filters);
  const feed = useMemo(() => {
    const last = lastFeed.peek();
    return last?.key === key ? last : new Feed(filters);
  }, [key]);
  useEffect(() => {
    lastFeed.value = feed;
    feed.start();
    return () => feed.stop();
  }, [feed]);
  return feed;
}

function useNarrow() {
  const media = useMemo(() => matchMedia("(max-width: 760px)"), []);
  const [narrow, setNarrow] = useState(media.matches);
  useEffect(() => {
    const tell = () => setNarrow(media.matches);
    media.addEventListener("change", tell);
    return () => media.removeEventListener("change", tell);
  }, []);
  return narrow;
}

/** Gives a row the focus once it is drawn. */
function focusRow(id) {
  requestAnimationFrame(() => document.getElementById(`row-${id}`)?.focus({ preventScroll: true }));
}

function clear() {
  setQuery(Object.fromEntries(FILTERS.map((name) => [name, undefined])), { replace: false });
}

function Mode({ feed, paused }) {
  const lost = !reachable.value;
  const [tone, text, title] = lost ? ["bad", "connecting again", "hookswitch does not answer"] : paused ? ["warn", "paused", "New events wait until you go on"] : {
    live: ["ok", "live", "Events appear as they arrive"],
    polling: ["ok", "live", "Asked for every two seconds: there is no stream for this filter, or no seat in it"],
    away: ["bad", "connecting again", "The stream broke off; it goes on where it was"],
    connecting: ["off", "connecting", ""],
    still: ["off", "past events", "With `until`, nothing new can appear"],
  }[feed.mode.value];
  return html`<span class="live-mode tone-${tone}" title=${title}><span class=${`live-pulse ${text === "live" ? "is-live" : ""}`}></span>${text}</span>`;
}

function FilterBar({ filters, rows, search, open }) {
  const names = useMemo(() => [...new Set([...rows.slice(0, 2_000).map((row) => row.event), ...KNOWN_EVENTS].filter(Boolean))].sort(), [rows]);
  const agents = useMemo(() => [...new Set(rows.slice(0, 2_000).map((row) => row.agent).filter(Boolean))].sort(), [rows]);
  const set = (name, value) => setQuery({ [name]: value.trim() }, { replace: false });
  const extra = ["rule", "since", "until"].filter((name) => filters[name]);
  return html`<div class=${`live-filters ${open ? "is-open" : ""}`} role="search" aria-label="Filter events">
    <${SearchField} value=${filters.text ?? ""} input=${search} />
    <div class="live-filters-rest">
      <${Choice} name="event" label="Event" value=${filters.event} list=${names} onSet=${set} />
      <${Choice} name="agent" label="Agent" value=${filters.agent} list=${agents} onSet=${set} />
      <${Choice} name="call" label="Call" value=${filters.call} onSet=${set} />
      <${Select} label="Target" value=${filters.target} groups=${[{ label: "Configured", names: targets.value }]} onSet=${(value) => set("target", value)} />
      <${Select} label="State" value=${filters.state} groups=${STATES} onSet=${(value) => set("state", value)} />
      ${extra.map(
        (name) => html`<span class="chip is-on" key=${name}>${name}: <strong class="ellipsis">${filters[name]}</strong>
          <button type="button" aria-label=${`Remove the filter ${name}`} onClick=${() => set(name, "")}><${Icon} name="cross" size=${12} /></button></span>`,
      )}
      ${Object.keys(filters).length > 0 && html`<${Button} variant="ghost" small icon="cross" title="x" onClick=${clear}>Clear<//>`}
    </div>
  </div>`;
}

function SearchField({ value, input }) {
  const [text, setText] = useState(value);
  const timer = useRef();
  // What comes from here must not take away what was typed since.
  const sent = useRef(value);
  useLayoutEffect(() => {
    if (value !== sent.current) setText((sent.current = value));
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const apply = (wanted) => {
    clearTimeout(timer.current);
    sent.current = wanted.trim();
    // Back undoes a search as a whole, not letter by letter.
    setQuery({ text: sent.current }, { replace: value !== "" });
  };
  const onInput = (event) => {
    const wanted = event.currentTarget.value;
    setText(wanted);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => apply(wanted), TYPING_MS);
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter") {
      apply(text);
      event.currentTarget.blur();
    }
  };
  return html`<label class=${`search ${value ? "is-on" : ""}`}><${Icon} name="search" /><span class="visually-hidden">Text in events</span>
    <input ref=${input} type="search" maxlength="200" placeholder="Search ids, names and bodies" spellcheck=${false} autocomplete="off" value=${text} onInput=${onInput} onKeyDown=${onKeyDown} />
    <${Kbd} keys="/" /></label>`;
}

function Choice({ name, label, value = "", list, onSet }) {
  const onKeyDown = (event) => {
    if (event.key === "Enter") event.currentTarget.blur();
  };
  return html`<input class=${`input filter ${value ? "is-on" : ""}`} type="text" aria-label=${label} placeholder=${label} value=${value} title=${value}
      list=${list && `list-${name}`} spellcheck=${false} autocomplete="off" onChange=${(event) => onSet(name, event.currentTarget.value)} onKeyDown=${onKeyDown} />
    ${list && html`<datalist id=${`list-${name}`}>${list.map((one) => html`<option key=${one} value=${one} />`)}</datalist>`}`;
}

function Select({ label, value = "", groups, onSet }) {
  const known = groups.some(({ names }) => names.includes(value));
  return html`<select class=${`select filter ${value ? "is-on" : ""}`} aria-label=${label} value=${value} onChange=${(event) => onSet(event.currentTarget.value)}>
    <option value="">${label}</option>${value && !known && html`<option value=${value}>${value}</option>`}
    ${groups.map((group) => html`<optgroup key=${group.label} label=${group.label}>${group.names.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</optgroup>`)}
  </select>`;
}

const COLUMNS = ["Time", "Event", "Agent", "Call", "Rules", "Targets", "Answer", "Delivered"];

function Head() {
  return html`<div class="event-row is-head" role="row" aria-rowindex="1">${COLUMNS.map(
    (name) => html`<span role="columnheader" key=${name} class=${`cell cell-${name.toLowerCase()}`} title=${HINTS[name]}>${name}</span>`,
  )}</div>`;
}

const HINTS = {
  Answer: "From the last byte of the event to the answer that Retell got; known of recent events",
  Delivered: "From arrival until the last of its targets had accepted it",
};

/** A row. Scrolling draws the list anew many times a second, so a row that is the same is left alone. */
const EventRow = memo(({ event, index, selected, onSelect }) => {
  const dots = latestByTarget(event.deliveries);
  const delivered = deliveredMs(event);
  return html`<div class=${`event-row ${selected ? "is-selected" : ""}`} role="row" aria-rowindex=${index + 2} aria-current=${selected ? "true" : undefined}>
    <span role="cell" class="cell cell-time"><${Time} value=${event.received_at} /></span>
    <span role="cell" class="cell cell-event"><a class=${`row-link ${event.event ? "" : "quiet"}`} id=${`row-${event.id}`} href=${at`/events/${event.id}`}
      onFocus=${() => onSelect(event.id)}>${nameOf(event)}</a><${Marks} event=${event} /></span>
    <span role="cell" class="cell cell-agent">${event.agent && html`<a class="cell-link mono" href=${`/?agent=${encodeURIComponent(event.agent)}`} title=${`Only events of ${event.agent}`} tabindex="-1">${event.agent}</a>`}</span>
    <span role="cell" class="cell cell-call">${event.call && html`<a class="cell-link mono" href=${at`/calls/${event.call}`} title=${`All about ${event.call}`} tabindex="-1">${event.call}</a>`}</span>
    <span role="cell" class="cell cell-rules">${event.state !== "routed" && html`<${StateBadge} state=${event.state} />`}<span class="ellipsis" title=${event.rules.join("\n")}>${
      event.rules.join(", ") || (event.state === "routed" ? html`<span class="quiet">fallback</span>` : "")}</span></span>
    <span role="cell" class="cell cell-targets"><span class="dots">${dots.slice(0, DOTS_MAX).map((delivery) => html`<${Dot} key=${delivery.id} delivery=${delivery} />`)}${
      dots.length > DOTS_MAX && html`<span class="quiet small">+${dots.length - DOTS_MAX}</span>`}</span></span>
    <span role="cell" class="cell cell-answer">${duration(event.answered_ms)}</span>
    <span role="cell" class="cell cell-delivered">${delivered !== undefined ? duration(delivered) : isPending(event) ? html`<span class="quiet" title="Not everywhere yet">…</span>` : ""}</span>
  </div>`;
});

function Foot({ feed }) {
  const looked = feed.lookedTo.value;
  if (looked) return html`<${Looked} feed=${feed} />`;
  if (feed.loadingOlder.value) return html`<span class="quiet">Loading older events…</span>`;
  if (feed.more.value) return html`<${Button} small onClick=${() => feed.older()}>Older events<//>`;
  return html`<span class="quiet">${plural(feed.rows.value.length, "event")}. That is all there is.</span>`;
}

/** How far a search has come that does not find much. */
function Looked({ feed }) {
  const further = () => feed.lookOn(feed.rows.peek().length + FURTHER);
  return html`<span class="quiet" role="status">Looked back to <${Time} value=${feed.lookedTo.value} />${feed.loadingOlder.value ? " and going on…" : "."}</span>
    <${Button} small busy=${feed.loadingOlder.value} onClick=${further}>Look further back<//>`;
}

function Lagged({ feed }) {
  return html`<div class="live-note"><div class="note tone-warn" role="status"><${Icon} name="warn" />
    <div class="note-text">${plural(feed.lagged.value, "event")} came faster than this page could follow. The newest are shown. Nothing is lost: those in between are further down.</div>
    <${Button} small variant="ghost" icon="cross" label="Dismiss" onClick=${() => (feed.lagged.value = 0)} /></div></div>`;
}

function Nothing({ feed, filtered }) {
  if (filtered) {
    return html`<${Empty} title=${feed.more.value ? "Nothing found so far" : "No event matches"} icon="search">
      ${feed.lookedTo.value && html`<div class="row empty-row"><${Looked} feed=${feed} /></div>`}
      <${Button} onClick=${clear}>Clear the filters<//>
    <//>`;
  }
  return html`<${Nobody} />`;
}

/** Nothing has ever arrived: where to send it. */
function Nobody() {
  useEffect(() => {
    const timer = setInterval(lookForWebhook, WEBHOOK_MS);
    return () => clearInterval(timer);
  }, []);
  const signed = isSigned(webhook.value?.sources?.[0]?.name);
  const address = webhookAddress();
  const publicUrl = webhook.value?.public?.[0]?.url;
  const command = `echo '{"event":"call_started","call":{"call_id":"call_1"}}' | hookswitch send --to ${address}${signed ? " --sign-env RETELL_API_KEY" : ""} -`;
  return html`<${Empty} title="No event has arrived yet" icon="live">
    <p>${publicUrl ? "Give this address to Retell as the webhook of your agent, and call it:" : "Events arrive at this address; Retell needs one that it can reach from outside (see Status):"}</p>
    <${Command} text=${publicUrl ?? address} />
    <p>Or send one yourself:</p>
    <${Command} text=${command} />
  <//>`;
}

/** Tells who listens, now and then, that something arrived. */
function Announcer({ feed }) {
  const [text, setText] = useState("");
  const told = useRef(feed.arrived.peek());
  useEffect(() => {
    told.current = feed.arrived.peek();
    const timer = setInterval(() => {
      const more = feed.arrived.peek() - told.current;
      told.current = feed.arrived.peek();
      setText(more > 0 ? plural(more, "new event") : "");
    }, 5_000);
    return () => clearInterval(timer);
  }, [feed]);
  return html`<div class="visually-hidden" aria-live="polite">${text}</div>`;
}

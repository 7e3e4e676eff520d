// One event: what arrived on one side, what became of it and why on the other.

import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { ApiError, at, get } from "../lib/api.js";
import { copy } from "../lib/clipboard.js";
import { curl } from "../lib/curl.js";
import { isPending } from "../lib/deliveries.js";
import { bytes, count, duration, plural } from "../lib/format.js";
import { isSigned, masks, status, webhookAddress } from "../lib/instance.js";
import { useKeys } from "../lib/keys.js";
import { useResource } from "../lib/resource.js";
import { goBack, navigate, query, setQuery } from "../lib/router.js";
import { conversation } from "../lib/transcript.js";
import { Badge, StateBadge } from "../components/badge.js";
import { Body, decode } from "../components/body.js";
import { Button } from "../components/button.js";
import { CopyId } from "../components/copy.js";
import { Deliveries, useTargets } from "../components/deliveries.js";
import { Confirm } from "../components/dialog.js";
import { Explanation } from "../components/explanation.js";
import { Empty, ErrorBox, Loading, Note } from "../components/notes.js";
import { EditDialog, ReplayDialog, TestDialog } from "../components/replay.js";
import { Segmented, Tabs } from "../components/tabs.js";
import { Ago, Time } from "../components/time.js";
import { toastError } from "../components/toast.js";
import { Transcript } from "../components/transcript.js";
import { lastFeed } from "./live.js";

/** How often an event is looked at while something about it is pending, and while nothing is. */
const PENDING_MS = 1_500;
const SETTLED_MS = 15_000;

/** What can be asked for with `?do=`. */
const ACTIONS = ["replay", "edit", "curl", "test"];

/** @param {{id: string}} props */
export function Event({ id }) {
  const [shown, setShown] = useState();
  // Before it is known whether payloads are masked, none is asked for.
  const masked = masks.value && shown !== id;
  const event = useResource(
    (signal) => (masked === undefined ? Promise.resolve(undefined) : get(at`/api/v1/events/${id}`, { masked }, { signal })),
    [id, masked],
    { every: (seen) => (seen && isPending(seen) ? PENDING_MS : SETTLED_MS), keep: true },
  );
  if (masked === undefined || event.data?.id !== id) {
    return html`<div class="screen"><header class="screen-head"><${Back} /><h1>Event</h1></header>
      <div class="screen-body">${event.error ? html`<${Missing} error=${event.error} retry=${event.reload} />` : html`<${Loading} lines=${8} label="Loading the event" />`}</div></div>`;
  }
  return html`<${Loaded} event=${event.data} loading=${event.loading} masked=${masked} onShow=${() => setShown(id)} reload=${event.reload} />`;
}

function Missing({ error, retry }) {
  if (error instanceof ApiError && error.status === 404) {
    return html`<${Empty} title="This event is not here" icon="search"><p>${error.detail}. Events go when they are older than the store keeps them.</p><a class="button" href="/">To the live events</a><//>`;
  }
  return html`<${ErrorBox} error=${error} retry=${retry} />`;
}

function Back() {
  return html`<${Button} variant="ghost" icon="left" label="Back (Esc)" onClick=${() => goBack("/")} />`;
}

function Loaded({ event, loading, masked, onShow, reload }) {
  const { id } = event;
  const body = useResource((signal) => get(at`/api/v1/events/${id}/body`, { masked }, { signal, as: "bytes" }), [id, masked]);
  const actions = useActions({ event, loading, body, masked, show: onShow });
  useNeighbours(id);

  return html`<div class="screen event">
    <header class="screen-head event-head">
      <${Back} />
      <h1 class="ellipsis">${event.event ?? (event.state === "quarantined" ? "Unreadable event" : "Event without a name")}</h1>
      <${StateBadge} state=${event.state} />
      ${event.edited_from && html`<${Badge} tone="accent">edited<//>`}
      <span class="spacer"></span>
      <div class="event-actions">
        <${Button} variant="primary" icon="replay" hotkey="r" onClick=${() => actions.start("replay")}>Replay<//>
        <${Button} icon="edit" hotkey="e" onClick=${() => actions.start("edit")}>Edit<//>
        <${Button} icon="terminal" hotkey="c" onClick=${() => actions.start("curl")}>curl<//>
        <${Button} icon="test" hotkey="t" onClick=${() => actions.start("test")}>Test<//>
      </div>
    </header>
    <${Facts} event=${event} />
    <div class="panes">
      <section class="card pane" aria-label="What became of it"><${Fate} event=${event} masked=${masked} reload=${reload} /></section>
      <section class="card pane" aria-label="What arrived"><${Arrived} event=${event} body=${body} masked=${masked} onShow=${onShow} /></section>
    </div>
    ${actions.dialog === "replay" && html`<${ReplayDialog} event=${event} onClose=${actions.end} onDone=${() => actions.end(reload())} />`}
    ${actions.dialog === "edit" && body.data && html`<${EditDialog} event=${event} text=${decode(body.data).text} onClose=${actions.end} />`}
    ${actions.dialog === "test" && html`<${TestDialog} event=${event} onClose=${actions.end} />`}
    ${actions.dialog === "show" &&
    html`<${Confirm} title="Show the payload?" action="Show it" onClose=${actions.end} onConfirm=${actions.confirmed}>
      <p>This instance masks phone numbers, names and transcripts until a person asks. What you are about to do needs the payload as it is.</p><//>`}
  </div>`;
}

/** The things that one can do with an event, from buttons, from keys, and from `?do=` of a link. */
function useActions({ event, loading, body, masked, show }) {
  const [dialog, setDialog] = useState();
  const [next, setNext] = useState();
  const end = () => {
    setNext(undefined);
    setDialog(undefined);
  };
  const copyCurl = () => {
    const text = curl({
      address: webhookAddress(event.source),
      query: event.request?.query,
      contentType: event.request?.content_type,
      body: body.data,
      from: location.origin + at`/api/v1/events/${event.id}/body`,
      token: status.peek()?.token_needed,
    });
    const signed = isSigned(event.source) ?? event.signed;
    copy(text, "curl command", signed
      ? "This source checks signatures and will refuse it; `hookswitch send --sign-env RETELL_API_KEY` signs."
      : "While dedupe remembers the event, the same body counts as a repeat.");
  };
  const start = (what) => {
    if (what !== "replay" && masked) {
      setNext(what);
      setDialog("show");
    } else if (what !== "replay" && !body.data) {
      // It goes on once the body is here.
      if (body.error) toastError(body.error);
      else setNext(what);
    } else if (what === "curl") copyCurl();
    else setDialog(what);
  };
  const confirmed = () => {
    show();
    setDialog(undefined);
  };
  // Once the event and its body are there as they are, what waited for them goes on.
  useEffect(() => {
    if (!next || masked || !body.data || body.loading || loading) return;
    setNext(undefined);
    start(next);
  }, [next, masked, body.data, body.loading, loading]);
  const wanted = query.value.get("do");
  useEffect(() => {
    if (!ACTIONS.includes(wanted) || !body.data) return;
    setQuery({ do: undefined });
    start(wanted);
  }, [wanted, body.data]);
  useKeys([
    { keys: "r", label: "Replay", run: () => start("replay") },
    { keys: "e", label: "Edit and replay", run: () => start("edit") },
    { keys: "c", label: "Copy as curl", run: () => start("curl") },
    { keys: "t", label: "Save as a test", run: () => start("test") },
    { keys: "o", label: "Open its call", run: () => navigate(at`/calls/${event.call}`), when: Boolean(event.call) },
    { keys: "Escape", label: "Back", run: () => goBack("/") },
  ]);
  return { dialog, start, end, confirmed };
}

/** The events beside this one, in the list that one came from. */
function useNeighbours(id) {
  const rows = lastFeed.value?.rows.value ?? [];
  const index = rows.findIndex((row) => row.id === id);
  const go = (step) => {
    const row = rows[index + step];
    if (!row) return;
    lastFeed.peek().selected = row.id;
    navigate(at`/events/${row.id}` + keptTabs(), { replace: true });
  };
  useKeys([
    { keys: ["j", "ArrowDown"], label: "Next event of the list", run: () => go(1), when: index >= 0 },
    { keys: ["k", "ArrowUp"], label: "Event before it", run: () => go(-1), when: index >= 0 },
  ]);
}

function keptTabs() {
  const kept = new URLSearchParams();
  for (const name of ["tab", "view", "side"]) if (query.peek().get(name)) kept.set(name, query.peek().get(name));
  const text = kept.toString();
  return text ? `?${text}` : "";
}

function Facts({ event }) {
  const fact = (label, value) => value && html`<div class="fact"><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`<dl class="event-facts">
    ${fact("Received", html`<${Time} value=${event.received_at} ms /> <span class="quiet"><${Ago} value=${event.received_at} /></span>`)}
    ${fact("Call", event.call && html`<a class="mono" href=${at`/calls/${event.call}`} title=${`All about ${event.call} (o)`}>${event.call}</a>`)}
    ${fact("Agent", event.agent && html`<a class="mono" href=${`/?agent=${encodeURIComponent(event.agent)}`} title=${`All events of ${event.agent}`}>${event.agent}</a>`)}
    ${fact("Source", html`${event.source} <${Signature} event=${event} />`)}
    ${fact("Answered in", event.answered_ms !== undefined && duration(event.answered_ms))}
    ${fact("Size", bytes(event.body_bytes))}
    ${fact("Revision", count(event.revision))}
    ${fact("In shadow", event.shadow?.length > 0 && event.shadow.join(", "))}
    ${fact("Came again", event.duplicates > 0 && plural(event.duplicates, "time"))}
    ${fact("Revises", event.revises && html`<a class="mono" href=${at`/events/${event.revises}`}>${event.revises.slice(0, 13)}…</a>`)}
    ${fact("Edited from", event.edited_from && html`<a class="mono" href=${at`/events/${event.edited_from}`}>${event.edited_from.slice(0, 13)}…</a>`)}
    ${fact("Id", html`<${CopyId} id=${event.id} length=${16} />`)}
  </dl>`;
}

function Signature({ event }) {
  const known = event.request?.signature;
  const valid = known ? known.verdict === "valid" : event.signed;
  return html`<${Badge} tone=${valid ? "ok" : "off"} title=${known?.reason}>${valid ? "signature valid" : "not signed"}<//>`;
}

const SIDES = ["deliveries", "why"];

function Fate({ event, masked, reload }) {
  const side = SIDES.includes(query.value.get("side")) ? query.value.get("side") : "deliveries";
  const [revision, setRevision] = useState("stored");
  const [wanted, setWanted] = useState(false);
  const needed = wanted || side === "why";
  const explanation = useResource(
    (signal) => (needed ? get(at`/api/v1/events/${event.id}/explanation`, { revision, masked }, { signal }) : Promise.resolve(undefined)),
    [event.id, revision, masked, needed],
  );
  const targets = useTargets(isPending(event));
  useKeys([
    { keys: "1", label: "Deliveries", run: () => setQuery({ side: undefined }) },
    { keys: "2", label: "Explanation", run: () => setQuery({ side: "why" }) },
  ]);
  const tabs = [
    { id: "deliveries", label: "Deliveries", count: event.deliveries.length },
    { id: "why", label: "Explanation" },
  ];
  return html`<${Tabs} label="What became of it" id="fate" tabs=${tabs} value=${side} onChange=${(next) => setQuery({ side: next === "deliveries" ? undefined : next })}>
    ${side === "deliveries"
      ? html`<${Deliveries} event=${event} targets=${targets} onChange=${reload} explanation=${explanation} onWantRequests=${() => setWanted(true)} />`
      : html`<div class="card-body stack">
          <div class="row"><${Segmented} label="By which rules" value=${revision} onChange=${setRevision}
            choices=${[{ id: "stored", label: "On arrival" }, { id: "running", label: "By the rules now" }]} />
            ${explanation.data && html`<span class="quiet small">revision ${explanation.data.revision}</span>`}</div>
          ${explanation.error
            ? html`<${ErrorBox} error=${explanation.error} title="There is no explanation" retry=${explanation.reload} />`
            : explanation.data
              ? html`<${Explanation} explanation=${explanation.data} />`
              : html`<${Loading} lines=${6} />`}
        </div>`}
  <//>`;
}

const TABS = ["body", "transcript", "request"];

function Arrived({ event, body, masked, onShow }) {
  const tab = TABS.includes(query.value.get("tab")) ? query.value.get("tab") : "body";
  const view = query.value.get("view") === "raw" ? "raw" : "tree";
  const talk = useMemo(() => (body.data ? conversation(readJson(body.data)) : undefined), [body.data]);
  const show = (next) => setQuery({ tab: next === "body" ? undefined : next });
  useKeys([
    { keys: "3", label: "Body", run: () => show("body") },
    { keys: "4", label: "Conversation", run: () => show("transcript") },
    { keys: "5", label: "Request", run: () => show("request") },
  ]);
  const tabs = [
    { id: "body", label: "Body" },
    { id: "transcript", label: "Conversation", count: talk?.turns.length || undefined },
    { id: "request", label: "Request" },
  ];
  const content = {
    body: () => html`<${Body} id=${event.id} data=${body.data} masked=${masked} view=${view} onView=${(next) => setQuery({ view: next === "raw" ? "raw" : undefined })} />`,
    transcript: () => html`<${Transcript} talk=${talk} />`,
  }[tab];
  return html`<${Tabs} label="What arrived" id="arrived" tabs=${tabs} value=${tab} onChange=${show}>
    ${masked && tab !== "request" &&
    html`<div class="body-note"><${Note} tone="wait" icon="eye">Phone numbers, names and transcripts are masked. <button type="button" class="link" onClick=${onShow}>Show payload</button><//></div>`}
    ${tab === "request"
      ? html`<${Request} event=${event} />`
      : body.error
        ? html`<div class="card-body"><${ErrorBox} error=${body.error} title="The body cannot be shown" retry=${body.reload} /></div>`
        : body.data
          ? content()
          : html`<${Loading} lines=${10} />`}
  <//>`;
}

function readJson(data) {
  try {
    return JSON.parse(decode(data).text);
  } catch {
    return undefined;
  }
}

function Request({ event }) {
  const request = event.request ?? {};
  const signature = request.signature;
  const row = (label, value) => value !== undefined && value !== "" && html`<dt>${label}</dt><dd class="mono">${value}</dd>`;
  return html`<div class="card-body stack">
    <div class=${`note tone-${event.signed ? "ok" : "off"}`}>
      <div class="note-text"><strong>${event.signed ? "The signature is valid" : "No signature was checked"}</strong>
        <p class="second sentence">${signature?.reason ?? (event.signed ? "It was made with a key of this source, over exactly these bytes." : "This source does not check signatures: anybody who reaches it can send events.")}</p>
        ${signature?.signed_at && html`<p class="second">Signed <${Time} value=${signature.signed_at} ms />.</p>`}</div>
    </div>
    <dl class="facts">
      ${row("content-type", request.content_type)}${row("user-agent", request.user_agent)}${row("query", request.query)}${row("from", request.peer)}
      ${row("length", `${count(event.body_bytes)} bytes`)}${row("id", event.id)}
    </dl>
    ${event.reason && html`<${Note} tone="bad" icon="warn">Quarantined: ${event.reason}<//>`}
    <p class="quiet small">Of a request only these are kept.</p>
  </div>`;
}

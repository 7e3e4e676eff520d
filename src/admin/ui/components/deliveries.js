// Deliveries of an event, each with its attempts: when, how long, what the target answered, and when it is tried again.

import { html, useState } from "../lib/html.js";
import { at, get, post } from "../lib/api.js";
import { REASONS, stateOf } from "../lib/deliveries.js";
import { duration, now, plural } from "../lib/format.js";
import { look } from "../lib/instance.js";
import { useResource } from "../lib/resource.js";
import { Badge, DeliveryBadge } from "./badge.js";
import { Button } from "./button.js";
import { Confirm } from "./dialog.js";
import { SentRequest } from "./explanation.js";
import { ErrorBox, Loading, Note } from "./notes.js";
import { Ago, Time } from "./time.js";
import { toast, toastError } from "./toast.js";

/** How often the targets are asked for why something waits. */
const TARGETS_MS = 3_000;
/** Attempts that are shown at once; the last ones tell most. */
const ATTEMPTS_SHOWN = 5;

/**
 * @param {{event: object, targets?: object[], onChange: () => void, explanation?: {data?: object, error?: Error, loading: boolean}, onWantRequests?: () => void}} props
 *   `targets` as the API lists them, to say why something waits; `explanation` has the requests; it is asked for with `onWantRequests` when a person wants to see one.
 */
export function Deliveries({ event, targets, onChange, explanation, onWantRequests }) {
  if (event.deliveries.length === 0) return html`<div class="card-body"><${NoDeliveries} event=${event} /></div>`;
  const sorted = [...event.deliveries].sort((one, other) => one.id - other.id);
  return html`<ol class="deliveries">${sorted.map(
    (delivery) => html`<${Delivery} key=${delivery.id} event=${event} delivery=${delivery} targets=${targets} onChange=${onChange} explanation=${explanation} onWantRequests=${onWantRequests} />`,
  )}</ol>`;
}

function NoDeliveries({ event }) {
  const text = {
    unrouted: "No rule matched it, and there is no fallback. The explanation says what each rule looked for; once the rules are mended, replay it.",
    ignored: "A rule says that events like this go nowhere. The explanation names it.",
    quarantined: `It was kept as it came, because it could not be read${event.reason ? `: ${event.reason}` : ""}. It can still be replayed to one target.`,
    revised: "It has the id of an earlier event and another body, so it was kept and not sent.",
    routed: "Nothing was sent: the rules that matched name no target.",
  }[event.state];
  return html`<${Note} tone=${event.state === "quarantined" ? "bad" : "off"}><strong>No deliveries.</strong> ${text}<//>`;
}

function Delivery({ event, delivery, targets, onChange, explanation, onWantRequests }) {
  const [all, setAll] = useState(false);
  const [sent, setSent] = useState(false);
  const history = delivery.history ?? [];
  const hidden = all ? 0 : Math.max(0, history.length - ATTEMPTS_SHOWN);
  const state = stateOf(delivery);
  const showSent = () => {
    if (!sent) onWantRequests?.();
    setSent(!sent);
  };
  return html`<li class="delivery is-${state}">
    <header class="delivery-head">
      <strong class="delivery-target">${delivery.target}</strong>
      <${DeliveryBadge} delivery=${delivery} />
      ${delivery.replay && html`<${Badge} tone="accent" title="A person asked for it">replay<//>`}
      <span class="spacer"></span>
      <span class="quiet small"><${Outcome} event=${event} delivery=${delivery} /></span>
    </header>
    ${state === "dead" && html`<${Dead} delivery=${delivery} onChange=${onChange} />`}
    ${hidden > 0 && html`<button type="button" class="tree-more attempts-more" onClick=${() => setAll(true)}>${plural(hidden, "earlier attempt")}</button>`}
    <ol class="attempts">
      ${history.slice(hidden).map((attempt) => html`<${Attempt} key=${attempt.number} attempt=${attempt} />`)}
      ${delivery.state === "pending" && html`<li class="attempt is-next"><span class="attempt-sign"></span><${Next} delivery=${delivery} targets=${targets} /></li>`}
    </ol>
    ${onWantRequests && html`<button type="button" class="delivery-sent" aria-expanded=${sent ? "true" : "false"} onClick=${showSent}>${sent ? "Hide the request" : "What is sent"}</button>`}
    ${sent && html`<div class="sent-wrap"><${Sent} target=${delivery.target} explanation=${explanation} /></div>`}
  </li>`;
}

function Outcome({ event, delivery }) {
  const from = delivery.replay ? delivery.created_at : event.received_at;
  if (delivery.state === "delivered" && delivery.ended_at) {
    const ms = Math.max(0, Date.parse(delivery.ended_at) - Date.parse(from));
    return html`<span title=${delivery.replay ? "since the replay was asked for" : "since the event arrived"}>after ${duration(ms)}</span>`;
  }
  if (delivery.state === "dead" && delivery.ended_at) return html`given up <${Ago} value=${delivery.ended_at} />`;
  return html`since <${Time} value=${delivery.age_from} />`;
}

/** The targets as the API lists them, as long as something waits. */
export function useTargets(waits) {
  return useResource((signal) => (waits ? get("/api/v1/targets", {}, { signal }) : Promise.resolve(undefined)), [waits], { every: waits && TARGETS_MS }).data?.targets;
}

/** What a delivery waits for. */
export function Next({ delivery, targets }) {
  const target = targets?.find(({ name }) => name === delivery.target);
  if (target?.paused) return html`<span class="second">A person paused <a href="/targets">${delivery.target}</a>: this waits until it is resumed.</span>`;
  if (target && target.circuit !== "closed") return html`<span class="second">Attempts at <a href="/targets">${delivery.target}</a> keep failing, so it is only probed for now: this waits until it answers.</span>`;
  if (delivery.attempts === 0) return html`<span class="second">${delivery.order_key ? "Waits for its turn, or is under way" : "Due, or under way"}</span>`;
  const due = delivery.due && Date.parse(delivery.due) > now.value;
  return html`<span class="second">Next attempt ${due ? html`<${Ago} value=${delivery.due} />` : "is due, or under way"}</span>`;
}

function Attempt({ attempt }) {
  const tone = { accepted: "ok", retry: "warn", rejected: "bad" }[attempt.result] ?? "off";
  return html`<li class="attempt tone-${tone}">
    <span class="attempt-sign"></span>
    <div class="attempt-text">
      <div class="attempt-line"><span class="quiet">#${attempt.number}</span> <${Time} value=${attempt.started_at} ms />
        ${attempt.status && !attempt.detail.includes(attempt.status) && html`<${Badge} tone=${tone}>${attempt.status}<//>`}<span class="visually-hidden">${attempt.result}:</span><span class=${attempt.result === "accepted" ? "" : "toned"}>${attempt.detail}</span><span class="spacer"></span><span class="quiet">${duration(attempt.took_ms)}</span></div>
      ${attempt.answer && html`<pre class="attempt-answer">${attempt.answer}</pre>`}
    </div>
  </li>`;
}

function Dead({ delivery, onChange }) {
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  const act = async (what, done) => {
    setBusy(true);
    try {
      await post(at`/api/v1/dead-letters/${what}`, { ids: [delivery.id] });
      toast(done);
      look();
      onChange();
    } catch (error) {
      toastError(error);
    }
    setBusy(false);
    setAsking(false);
  };
  return html`<div class="delivery-dead">
    <span class="second">${delivery.reason ? `Dead letter: ${REASONS[delivery.reason] ?? delivery.reason}.` : "Dead letter."}</span>
    <span class="row"><${Button} small icon="replay" busy=${busy} onClick=${() => act("retry", `Trying ${delivery.target} again`)}>Retry<//>
      <${Button} small variant="ghost" icon="trash" onClick=${() => setAsking(true)}>Drop<//></span>
    ${asking &&
    html`<${Confirm} title="Drop this dead letter?" action="Drop" danger busy=${busy} onClose=${() => setAsking(false)} onConfirm=${() => act("drop", "Dropped")}>
      <p>${delivery.target} will not get this event, and it leaves the list of dead letters for good. The event itself stays, and can be replayed.</p><//>`}
  </div>`;
}

function Sent({ target, explanation }) {
  if (explanation?.error) return html`<${ErrorBox} error=${explanation.error} title="The request cannot be shown" />`;
  if (!explanation?.data) return html`<${Loading} lines=${3} />`;
  const request = (explanation.data.requests ?? []).find((one) => one.target === target);
  if (!request) return html`<p class="quiet small">This revision of the rules sends nothing to ${target} for this event, so the request cannot be rendered anew.</p>`;
  return html`<p class="quiet small">Rendered anew by revision ${explanation.data.revision}, secrets hidden.</p><${SentRequest} request=${request} />`;
}

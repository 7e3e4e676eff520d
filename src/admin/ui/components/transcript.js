// A conversation, as one reads it: who said what, and when.

import { html, useState } from "../lib/html.js";
import { duration, fullTime, offset, plural } from "../lib/format.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";
import { Time } from "./time.js";
import { Empty } from "./notes.js";

/** Turns that are shown at once, and how many more each time. */
const TURNS_SHOWN = 300;

const WHO = { agent: "Agent", user: "User" };

/** @param {{talk: ReturnType<import("../lib/transcript.js").conversation>}} props */
export function Transcript({ talk }) {
  const { turns, start, facts } = talk;
  const [shown, setShown] = useState(TURNS_SHOWN);
  if (turns.length === 0 && facts.length === 0) {
    return html`<${Empty} title="No conversation in this event" icon="phone">Transcripts come with call_ended, call_analyzed and the events of chats.<//>`;
  }
  return html`<div class="talk">
    ${facts.length > 0 && html`<dl class="facts talk-facts">${facts.map(([label, value, form]) => html`<dt key=${label}>${label}</dt><dd>${written(value, form)}</dd>`)}</dl>`}
    ${turns.length === 0
      ? html`<p class="quiet">There is no transcript in this event.</p>`
      : html`<ol class="turns">${turns.slice(0, shown).map((turn, index) => html`<${Turn} key=${index} turn=${turn} start=${start} first=${turns[index - 1]?.kind !== turn.kind} />`)}</ol>
          ${turns.length > shown && html`<div><${Button} small onClick=${() => setShown(shown + TURNS_SHOWN)}>${plural(turns.length - shown, "more turn")}<//></div>`}`}
  </div>`;
}

/** A fact of `conversation`, by the form that it is to have. */
export function written(value, form) {
  if (form === "duration") return duration(value);
  if (form === "time") return html`<${Time} value=${value} />`;
  return value;
}

function Turn({ turn, start, first }) {
  const { kind, text, at, name, failed } = turn;
  const title = start !== undefined && at !== undefined ? fullTime(start + at) : undefined;
  const when = at !== undefined && html`<span class="turn-at" title=${title}>${offset(at)}</span>`;
  if (kind === "note") return html`<li class="turn is-note"><span>${text}</span>${when}</li>`;
  if (kind === "tool" || kind === "result") {
    return html`<li class="turn is-tool"><span class="turn-head"><${Icon} name=${kind === "tool" ? "tool" : failed ? "cross" : "check"} size=${13} />
      ${kind === "tool" ? html`called <strong>${name}</strong>` : failed ? "it failed" : "it answered"}${when}</span>${text && html`<code>${text}</code>`}</li>`;
  }
  return html`<li class="turn is-${kind}">
    ${first && html`<span class="turn-head"><strong>${name ?? WHO[kind]}</strong>${when}</span>`}
    <p title=${title}>${text}</p>
  </li>`;
}

// Why an event goes where it goes: every rule in order, every condition with what was expected and what was found.

import { html, useState } from "../lib/html.js";
import { matchedLive } from "../lib/deliveries.js";
import { bytes, count, plural } from "../lib/format.js";
import { Segmented } from "./tabs.js";
import { Badge, ShadowBadge } from "./badge.js";
import { Button } from "./button.js";
import { CodeView } from "./codeview.js";
import { CopyButton } from "./copy.js";
import { Icon } from "./icon.js";
import { Note } from "./notes.js";

/** From how many rules on one may want to see only those that matched. */
const MANY = 8;
/** Rules that are shown at once. */
const SHOWN = 60;

const OUTCOMES = {
  matched: { icon: "check", tone: "ok", label: "matched" },
  not_matched: { icon: "cross", tone: "off", label: "not matched" },
  not_reached: { icon: "skip", tone: "off", label: "not looked at" },
  disabled: { icon: "skip", tone: "off", label: "switched off" },
};

/**
 * @param {{explanation: object, requests?: boolean, lineHref?: (line: number) => string}} props An answer of `explain` or of an event's
 *   `explanation`; `requests` shows what would be sent, too; `lineHref` makes links of lines.
 */
export function Explanation({ explanation, requests = false, lineHref }) {
  const [only, setOnly] = useState("all");
  const [shown, setShown] = useState(SHOWN);
  const rules = explanation.rules ?? [];
  const matched = rules.filter((rule) => rule.outcome.result === "matched");
  const listed = only === "matched" ? matched : rules;
  return html`<div class="why">
    <${Verdict} explanation=${explanation} matched=${matched} />
    ${(explanation.notes ?? []).map((note) => html`<${Note} key=${note}>${note}<//>`)}
    ${rules.length > MANY &&
    html`<div><${Segmented} label="Which rules" value=${only} onChange=${setOnly}
      choices=${[{ id: "all", label: `All rules ${count(rules.length)}` }, { id: "matched", label: `Matched ${count(matched.length)}` }]} /></div>`}
    <ol class="why-rules">${listed.slice(0, shown).map((rule, index) => html`<${Rule} key=${`${only}${index}`} rule=${rule} few=${rules.length <= MANY} lineHref=${lineHref} />`)}</ol>
    ${listed.length > shown && html`<div><${Button} small onClick=${() => setShown(shown + 200)}>${plural(listed.length - shown, "more rule")}<//></div>`}
    ${requests && sends("What would be sent", explanation.requests)}
    ${requests && sends("What rules in shadow would send, too", explanation.shadow_requests)}
  </div>`;
}

function sends(title, list = []) {
  return list.length > 0 && html`<h3>${title}</h3>${list.map((request) => html`<${SentRequest} key=${request.target} request=${request} named />`)}`;
}

function Verdict({ explanation, matched }) {
  const { disposition, fallback, reason } = explanation;
  const live = matched.filter(matchedLive);
  const none = matched.length > 0 ? "No live rule" : "No rule";
  const targets = [...new Set(live.flatMap((rule) => rule.to))];
  const sent = targets.length > 0 ? targets : (explanation.requests ?? []).map((request) => request.target);
  const chips = sent.map((target) => html`<span class="chip" key=${target}>${target}</span>`);
  if (disposition === "routed") {
    return html`<p class="why-verdict"><${Badge} tone="ok">routed<//> <span>${fallback ? `${none} matches; the fallback takes it` : plural(live.length, "rule matches", "rules match")}</span> ${chips.length > 0 && html`<span class="quiet">→</span>`} ${chips}</p>`;
  }
  const text = {
    unrouted: `${none} matches, and there is no fallback: it goes nowhere.`,
    ignored: "A rule says that events like this go nowhere.",
    quarantined: `It cannot be read${reason ? `: ${reason}` : ""}.`,
  }[disposition];
  return html`<p class="why-verdict"><${Badge} tone=${disposition === "quarantined" ? "bad" : disposition === "unrouted" ? "warn" : "off"}>${disposition}<//> <span>${text}</span></p>`;
}

function Rule({ rule, few, lineHref }) {
  const outcome = OUTCOMES[rule.outcome.result] ?? OUTCOMES.not_reached;
  const looked = rule.outcome.result === "matched" || rule.outcome.result === "not_matched";
  const body = looked
    ? rule.predicates.length > 0
      ? html`<${Predicates} predicates=${rule.predicates} lineHref=${lineHref} />`
      : html`<p class="quiet small">It has no condition, so it matches every event.</p>`
    : html`<p class="quiet small">${rule.outcome.stopped_by ? html`Not looked at because <strong>${rule.outcome.stopped_by}</strong> matched and stopped.` : "Switched off in the file."}</p>`;
  return html`<li class=${`why-rule is-${rule.outcome.result}`}>
    <details open=${few || rule.outcome.result === "matched"}>
      <summary>
        <span class="why-sign tone-${outcome.tone}"><${Icon} name=${outcome.icon} size=${14} /></span>
        <span class="why-name">${rule.rule}</span>
        <span class="why-outcome">${outcome.label}</span>
        ${rule.mode === "shadow" && html`<${ShadowBadge} />`}
        ${rule.stop && html`<${Badge} title="If it matches, later rules are not looked at">stop<//>`}
        <span class="spacer"></span>
        <span class="why-to">${rule.ignore ? "→ nowhere" : rule.to.length > 0 ? `→ ${rule.to.join(", ")}` : ""}</span>
        <${Line} line=${rule.line} />
      </summary>
      <div class="why-body">${body}</div>
    </details>
  </li>`;
}

function Line({ line, href }) {
  if (!line) return null;
  return href ? html`<a class="why-line" href=${href(line)}>line ${line}</a>` : html`<span class="why-line">line ${line}</span>`;
}

function Predicates({ predicates, lineHref }) {
  return html`<ul class="predicates">${predicates.map(
    (predicate, index) => html`<li key=${index} class=${predicate.holds ? "holds" : "fails"}>
      <div class="predicate">
        <span class="why-sign tone-${predicate.holds ? "ok" : "bad"}"><${Icon} name=${predicate.holds ? "check" : "cross"} size=${12} /><span class="visually-hidden">${predicate.holds ? "holds" : "does not hold"}</span></span>
        <span class="predicate-text"><code>${predicate.field}</code> ${predicate.expected}
          ${!predicate.parts?.length && html`<span class="predicate-found">${predicate.found === "missing" ? html`is <em>missing</em>` : html`found <code>${predicate.found}</code>`}</span>`}</span>
        <${Line} line=${predicate.line} href=${lineHref} />
      </div>
      ${predicate.parts?.length > 0 && html`<${Predicates} predicates=${predicate.parts} lineHref=${lineHref} />`}
    </li>`,
  )}</ul>`;
}

/** A request as it would go out: method and address, headers, body. */
export function SentRequest({ request, named = false }) {
  const body = request.body === undefined ? undefined : typeof request.body === "string" ? request.body : JSON.stringify(request.body, null, 2);
  if (request.failure) return html`<${Note} tone="bad" icon="warn">${named && html`<strong>${request.target}: </strong>`}No request can be made: ${request.failure}<//>`;
  return html`<div class="sent">
    <div class="sent-line">${named && html`<strong>${request.target}</strong>`}<code class="ellipsis">${request.request ?? request.kind}</code></div>
    ${request.headers.length > 0 && html`<dl class="sent-headers">${request.headers.map(([name, value], index) => html`<div key=${index}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
    ${request.unchanged
      ? html`<p class="quiet small sent-note">The body is the event's, byte for byte (${bytes(request.body_bytes)}).</p>`
      : body === undefined
        ? html`<p class="quiet small sent-note">A body of ${bytes(request.body_bytes)}, too long to show.</p>`
        : html`<div class="sent-body"><${CodeView} text=${body} label=${`Body for ${request.target}`} /><${CopyButton} text=${body} what="Body" /></div>`}
  </div>`;
}

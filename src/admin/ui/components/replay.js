// Sending an event again: as it is, or edited. And keeping it as a test.

import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { at, get, post } from "../lib/api.js";
import { download } from "../lib/clipboard.js";
import { matchedLive, ofArrival } from "../lib/deliveries.js";
import { bytes, plural } from "../lib/format.js";
import { targets } from "../lib/instance.js";
import { compact, parse, pretty, tryParse } from "../lib/json.js";
import { useResource } from "../lib/resource.js";
import { navigate } from "../lib/router.js";
import { Button } from "./button.js";
import { CodeView } from "./codeview.js";
import { CopyButton } from "./copy.js";
import { Dialog } from "./dialog.js";
import { ErrorBox, Loading, Note } from "./notes.js";
import { toast } from "./toast.js";

/** What a replay made, in one line. */
function outcome({ deliveries, skipped = [] }) {
  const names = deliveries.map((delivery) => delivery.target).join(", ");
  const gone = skipped.length > 0 ? `; not configured any more: ${skipped.join(", ")}` : "";
  return names ? `To ${names}${gone}.` : `Nothing was planned${gone}.`;
}

/** Where an event went when it arrived. */
function targetsOf(event) {
  return [...new Set(ofArrival(event).map(({ target }) => target))].join(", ");
}

/** Asks where to, and sends it once more. */
export function ReplayDialog({ event, onClose, onDone }) {
  const [way, setWay] = useState(event.state === "quarantined" ? "one" : "rules");
  const [to, setTo] = useState(targets.value[0] ?? "");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState();
  const original = targetsOf(event);
  const submit = async () => {
    if (busy) return;
    setBusy(true);
    setError(undefined);
    try {
      const body = { rules: {}, original: { original: true }, one: { to } }[way];
      const made = await post(at`/api/v1/events/${event.id}/replay`, body);
      toast(plural(made.deliveries.length, "new delivery", "new deliveries"), { detail: outcome(made) });
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const choice = (id, title, text, extra, disabled) => html`<label class="choice"><input type="radio" name="way" value=${id} checked=${way === id} disabled=${disabled} onChange=${() => setWay(id)} data-focus=${way === id} />
    <span class="choice-text"><strong>${title}</strong><span class="second small">${text}</span>${extra}</span></label>`;
  return html`<${Dialog} title="Replay this event" onClose=${onClose} onSubmit=${submit}
    footer=${html`<${Button} onClick=${onClose}>Cancel<//><${Button} type="submit" variant="primary" icon="replay" busy=${busy} disabled=${way === "one" && !to}>Replay<//>`}>
    <p class="second">It is sent again with its exact bytes and its id, past dedupe, and marked as a replay.</p>
    <div class="stack choices" role="radiogroup" aria-label="Where to">
      ${choice("rules", "As the running rules say", "Planned anew, by the rules that run now.")}
      ${choice("original", "To the targets of its arrival", original || "There were none.", undefined, !original)}
      ${choice("one", "Only to one target", "Whatever the rules say.", way === "one" && html`<${TargetSelect} value=${to} onChange=${setTo} />`)}
    </div>
    ${error && html`<${ErrorBox} error=${error} title="Nothing was sent" />`}
  <//>`;
}

function TargetSelect({ value, onChange, all }) {
  return html`<select class="select" aria-label="Target" value=${value} onChange=${(event) => onChange(event.currentTarget.value)}>
    ${all && html`<option value="">${all}</option>`}${targets.value.map((target) => html`<option key=${target} value=${target}>${target}</option>`)}
  </select>`;
}

/** What was written and not sent, by event, so that a closed editor loses nothing. As long as the page. */
const drafts = new Map();
const DRAFTS_MAX = 20;

/** From this length on a body is shown as it came: to set it out, and to show that, would take seconds. */
const PRETTY_MAX = 1_000_000;
/** How long one rests from typing before what was written is looked at. */
const CHECK_MS = 250;

/** What a draft is: the body that it makes, or why it is none. */
function read(draft, inOneLine) {
  try {
    const root = parse(draft);
    if (root.kind !== "object") return { draft, fault: "an event is a JSON object" };
    const body = inOneLine ? compact(root) : draft;
    return { draft, body, size: new Blob([body]).size };
  } catch (failure) {
    return { draft, fault: failure.message };
  }
}

/** An editor for the body, and what the rules would make of it. `text` is the body as it came. */
export function EditDialog({ event, text, onClose }) {
  const original = useMemo(() => {
    const root = text.length < PRETTY_MAX && tryParse(text);
    return root ? pretty(root) : text;
  }, [text]);
  const [draft, setDraft] = useState(() => drafts.get(event.id) ?? original);
  const [to, setTo] = useState("");
  const [busy, setBusy] = useState("");
  const [error, setError] = useState();
  const [plan, setPlan] = useState();
  const area = useRef(null);
  useEffect(() => {
    area.current.setSelectionRange(0, 0);
    area.current.scrollTop = 0;
  }, []);
  // What came in one line is sent in one line, however it is shown.
  const inOneLine = useMemo(() => !text.trim().includes("\n"), [text]);
  const [seen, setSeen] = useState(() => read(draft, inOneLine));
  // Who types is not held up by a look at every letter.
  useEffect(() => {
    const timer = setTimeout(() => seen.draft !== draft && setSeen(read(draft, inOneLine)), CHECK_MS);
    return () => clearTimeout(timer);
  }, [draft]);
  const { fault } = seen;
  const edit = (value) => {
    setDraft(value);
    setPlan(undefined);
    drafts.delete(event.id);
    if (value !== original) drafts.set(event.id, value);
    if (drafts.size > DRAFTS_MAX) drafts.delete(drafts.keys().next().value);
  };
  const run = async (what, task) => {
    const now = seen.draft === draft ? seen : read(draft, inOneLine);
    setSeen(now);
    if (now.fault || busy) return;
    setBusy(what);
    setError(undefined);
    try {
      await task(now.body);
    } catch (failure) {
      setError(failure);
    }
    setBusy("");
  };
  const check = () => run("check", async (body) => setPlan(await post("/api/v1/explain", body, { raw: true, params: { like: event.id } })));
  const submit = () => run("send", async (body) => {
    const made = await post(at`/api/v1/events/${event.id}/replay`, to ? { body, to } : { body });
    drafts.delete(event.id);
    toast("Sent as a new event", { detail: outcome(made) });
    navigate(at`/events/${made.event}`);
  });
  const onKeyDown = (key) => {
    // Tab leaves the field, as everywhere; indentation is kept on a new line.
    if (key.key !== "Enter" || key.ctrlKey || key.metaKey) return;
    const field = key.currentTarget;
    const line = field.value.slice(0, field.selectionStart).split("\n").at(-1);
    const indent = /^\s*/.exec(line)[0] + (/[{[]\s*$/.test(line) ? "  " : "");
    if (!indent) return;
    key.preventDefault();
    field.setRangeText(`\n${indent}`, field.selectionStart, field.selectionEnd, "end");
    edit(field.value);
  };
  return html`<${Dialog} title="Edit and replay" wide onClose=${onClose} onSubmit=${submit}
    footer=${html`<span class="edit-state small">${fault ? html`<span class="tone-bad toned">Not JSON: ${fault}</span>` : html`<span class="quiet">JSON, ${bytes(seen.size)}</span>`}</span>
      ${draft !== original && html`<${Button} variant="ghost" onClick=${() => edit(original)}>Start over<//>`}
      <span class="spacer"></span>
      <${Button} busy=${busy === "check"} disabled=${Boolean(fault)} onClick=${check}>Where would it go?<//>
      <${Button} type="submit" variant="primary" icon="replay" busy=${busy === "send"} disabled=${Boolean(fault)} title="Ctrl+Enter">Replay edited<//>`}>
    <p class="second">It becomes a new event, marked as made from this one, and goes only where the running rules send it.</p>
    <textarea ref=${area} class="textarea edit-area" aria-label="Body of the new event" spellcheck=${false} autocomplete="off" autocapitalize="off" wrap="off" rows="18" data-focus="true"
      value=${draft} onInput=${(input) => edit(input.currentTarget.value)} onKeyDown=${onKeyDown}></textarea>
    <label class="field"><span class="field-label">Of the targets that the rules name, send to</span><${TargetSelect} value=${to} onChange=${setTo} all="all of them" /></label>
    ${plan && html`<${Plan} plan=${plan} only=${to} />`}
    ${error && html`<${ErrorBox} error=${error} title=${busy ? undefined : "That was refused"} />`}
  <//>`;
}

function Plan({ plan, only }) {
  const wanted = (name) => !only || name === only;
  const rules = plan.rules.filter((rule) => matchedLive(rule) && (rule.ignore || rule.to.some(wanted)));
  const by = rules.map(({ rule }) => rule).join(", ");
  const all = plan.requests.map(({ target }) => target);
  const to = all.filter(wanted).join(", ");
  if (plan.disposition !== "routed") return html`<${Note} tone="warn">It would be <strong>${plan.disposition}</strong>${by && ` by ${by}`}: nothing would be sent.<//>`;
  if (!to) return html`<${Note} tone="warn">The rules do not send it to <strong>${only}</strong>, only to ${all.join(", ")}: nothing would be sent.<//>`;
  return html`<${Note} tone="ok" icon="check">It would go to <strong>${to}</strong>, by ${by || "the fallback"}.<//>`;
}

/** The event as an entry for `tests:`. */
export function TestDialog({ event, onClose }) {
  const [name, setName] = useState(() => {
    const to = targetsOf(event);
    return `${event.event ?? "an event"} ${to ? `reaches ${to}` : "goes nowhere"}`.slice(0, 200);
  });
  const [asked, setAsked] = useState(name);
  const made = useResource((signal) => get(at`/api/v1/events/${event.id}/test`, { name: asked }, { signal, as: "text" }), [event.id, asked], { keep: true });
  return html`<${Dialog} title="Save as a test" wide onClose=${onClose} onSubmit=${() => setAsked(name.trim() || asked)}
    footer=${html`<${Button} onClick=${onClose}>Close<//><${Button} icon="download" variant="primary" disabled=${made.data === undefined}
      onClick=${() => download(made.data, "test.yaml", "text/yaml")}>Download<//>`}>
    <p class="second">An entry for <code>tests:</code> of the rules file. It expects what the running rules make of this event; <code>hookswitch test</code> and every reload run it. Credentials are taken out of it; what was said and who called is still in it.</p>
    <label class="field"><span class="field-label">Name</span>
      <input class="input" data-focus="true" value=${name} onInput=${(input) => setName(input.currentTarget.value)} onBlur=${() => setAsked(name.trim() || asked)} maxlength="200" /></label>
    ${made.error
      ? html`<${ErrorBox} error=${made.error} retry=${made.reload} />`
      : made.data === undefined
        ? html`<${Loading} />`
        : html`<div class="card test-text"><${CodeView} text=${made.data} label="The test as YAML" /><span class="test-copy"><${CopyButton} text=${made.data} what="Test" /></span></div>`}
  <//>`;
}

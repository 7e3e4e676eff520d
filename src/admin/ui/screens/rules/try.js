// An event that one pastes, explained as if it arrived now: rule by rule, then the requests that would go out. Nothing is sent.

import { html, useState } from "../../lib/html.js";
import { at, get, post } from "../../lib/api.js";
import { masks, webhook } from "../../lib/instance.js";
import { JsonError, parse, pretty, tryParse } from "../../lib/json.js";
import { query, setQuery } from "../../lib/router.js";
import { Button } from "../../components/button.js";
import { DropField } from "../../components/drop.js";
import { Explanation } from "../../components/explanation.js";
import { Empty, ErrorBox } from "../../components/notes.js";

/** Largest file that is read into the field: what a source takes unless it says otherwise. */
const SIZE_MAX = 10 * 1024 * 1024;
const ID = /^\s*[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\s*$/i;

/** What was typed last, so that a look at another screen does not lose it. */
let kept = "";

export function Try() {
  const [text, setText] = useState(kept);
  const [answer, setAnswer] = useState();
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const sources = webhook.value?.sources ?? [];
  const source = query.value.get("source") ?? "";

  const input = (next) => {
    kept = next;
    setText(next);
    setError(undefined);
  };
  const explain = async () => {
    if (busy) return;
    setBusy(true);
    try {
      const stored = ID.test(text);
      if (!stored) parse(text);
      const body = stored ? JSON.stringify({ event_id: text.trim() }) : text;
      setAnswer(await post("/api/v1/explain", body, { raw: true, params: { source, masked: masks.value !== false && stored } }));
      setError(undefined);
    } catch (failure) {
      setAnswer(undefined);
      setError(failure instanceof JsonError ? { title: "That is no JSON", detail: failure.message } : failure);
    }
    setBusy(false);
  };
  const latest = async () => {
    setBusy(true);
    try {
      const { events } = await get("/api/v1/events", { limit: 1 });
      if (events.length === 0) throw { title: "No event yet", detail: "none has arrived here so far" };
      const { id } = events[0];
      // A masked body is another event: of one that is not to be seen, the id stands for it.
      const body = masks.value === false ? await get(at`/api/v1/events/${id}/body`, {}, { as: "text" }) : id;
      const node = tryParse(body);
      input(node ? pretty(node) : body);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };

  return html`<div class="bench">
    <div class="bench-in">
      <${DropField} label="An event as JSON, or the id of one that arrived" value=${text} onInput=${input} onSend=${explain} accept=".json,application/json" sizeMax=${SIZE_MAX}
        invalid=${error !== undefined} hint="Paste it, drop a file in, or take the latest. Nothing is sent or stored."
        actions=${html`<${Button} small onClick=${latest} disabled=${busy}>Latest event<//>`} />
      <div class="row">
        <${Button} variant="primary" busy=${busy} disabled=${text.trim() === ""} onClick=${explain} hotkey="Ctrl Enter">Explain<//>
        ${sources.length > 1 &&
        html`<label class="row small"><span class="field-label">arriving at</span><select class="select" value=${source} onChange=${(event) => setQuery({ source: event.currentTarget.value })}>
          ${sources.map(({ name }, index) => html`<option key=${name} value=${index === 0 ? "" : name}>${name}</option>`)}</select></label>`}
      </div>
    </div>
    <div class="bench-out" aria-live="polite">
      ${error && html`<${ErrorBox} error=${error} />`}
      ${!error && !answer && html`<${Empty} title="Why would it go where?" icon="rules">For each rule you see whether it matches and, for each condition, what was expected and what was found; then the requests that would go out.<//>`}
      ${answer && html`<${Explanation} explanation=${answer} requests lineHref=${(line) => `/rules?line=${line}`} />`}
    </div>
  </div>`;
}

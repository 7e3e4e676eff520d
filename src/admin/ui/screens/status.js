// What runs here, since when, from which configuration, and how durable it is; and the address that Retell is to be given.

import { html, useState } from "../lib/html.js";
import { get, post, signedOut } from "../lib/api.js";
import { ago, bytes, count, duration, now, plural } from "../lib/format.js";
import { look, status as instance, webhookAddress } from "../lib/instance.js";
import { useResource } from "../lib/resource.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Command, CopyButton, CopyId } from "../components/copy.js";
import { ErrorBox, Loading, Note, Problems } from "../components/notes.js";
import { Table } from "../components/table.js";
import { Ago, Time } from "../components/time.js";
import { toast, toastError } from "../components/toast.js";

const EVERY_MS = 10_000;

export function Status() {
  const webhook = useResource((signal) => get("/api/v1/webhook", {}, { signal }), [], { every: EVERY_MS, keep: true });
  const number = instance.value?.configuration.revision.number;
  const history = useResource((signal) => get("/api/v1/revisions", {}, { signal }), [number], { every: EVERY_MS, keep: true });
  const status = instance.value;
  if (!status) return html`<div class="screen"><header class="screen-head"><h1>Status</h1></header><${Loading} lines=${8} /></div>`;

  return html`<div class="screen">
    <header class="screen-head">
      <h1>Status</h1>
      ${status.ready ? html`<${Badge} tone="ok">ready<//>` : html`<${Badge} tone="bad">not ready<//>`}
      <span class="quiet">hookswitch ${status.version}</span>
    </header>
    <div class="screen-body">
    <${Warnings} status=${status} />
    <${Webhook} resource=${webhook} />
    <div class="cards">
      <${Program} status=${status} />
      <${Configuration} status=${status} />
      <${Store} store=${status.store} />
    </div>
    <${History} resource=${history} />
    </div>
  </div>`;
}

function Warnings({ status }) {
  const { configuration, store } = status;
  const refused = configuration.refused ?? [];
  const restart = configuration.restart_pending ?? [];
  return html`${!status.ready &&
    html`<${Note} tone="bad" icon="warn"><strong>It does not accept events.</strong> ${(status.reasons ?? []).join("; ")}<//>`}
    ${refused.length > 0 &&
    html`<${Note} tone="bad" icon="warn"><strong>The file as it is now is refused, and the revision before it goes on.</strong>
      <${Problems} problems=${refused} /><//>`}
    ${restart.length > 0 &&
    html`<${Note} tone="warn" icon="warn">Changed in the file, but in force only after a restart: ${restart.map((key, index) => html`${index > 0 && ", "}<code>${key}</code>`)}.<//>`}
    ${(store.warnings ?? []).map((text) => html`<${Note} key=${text} tone="warn" icon="warn">${text}<//>`)}`;
}

/** The address to give to Retell, or how to get one. */
function Webhook({ resource }) {
  const { data, error } = resource;
  const reached = data?.public ?? [];
  return html`<section class="card" aria-labelledby="webhook">
    <header class="card-head"><h2 id="webhook">Webhook address</h2>
      ${data && html`<${Badge} tone=${reached.length > 0 ? "ok" : "off"}>${reached.length > 0 ? "reachable through ngrok" : "this machine only"}<//>`}
    </header>
    <div class="card-body stack">
    ${error && html`<${ErrorBox} error=${error} retry=${resource.reload} />`}
    ${reached.length > 0
      ? html`<p>Give this to Retell: <em>Settings → Webhooks</em> for the whole account, or an agent's <em>Webhook settings</em>, which replace it for that agent.</p>
          ${reached.map(({ url, source }) => html`<${Address} key=${url} url=${url} name="Public address" about=${source} />`)}`
      : html`<${Expose} data=${data} />`}
    <${Local} data=${data} />
    </div>
  </section>`;
}

function Local({ data }) {
  const sources = data?.sources ?? [];
  if (sources.length === 0) return html`<${Address} url=${webhookAddress()} name="Local address" />`;
  return html`<h3>On this machine</h3>
    ${sources.map(
      (source) => html`<${Address} key=${source.name} url=${webhookAddress(source.name)} name="Local address"
        about=${`${source.name}, ${source.signed ? "signatures are checked" : "signatures are not checked"}`} tone=${source.signed ? undefined : "warn"} />`,
    )}
    ${sources.some((source) => !source.signed) &&
    html`<${Note} tone="warn" icon="warn">Whoever reaches a source that checks no signatures can send events. Before its address is public,${" "}
      set <code>verify: { retell: ["$\{RETELL_API_KEY}"] }</code>.<//>`}`;
}

function Address({ url, name, about, tone }) {
  return html`<div class="address"><code class="address-url">${url}</code><${CopyButton} text=${url} what=${name} />
    ${about && html`<span class=${tone ? `address-about tone-${tone}` : "address-about"}>${about}</span>`}</div>`;
}

/** What to do as long as Retell cannot reach it. */
function Expose({ data }) {
  const port = /:(\d+)$/.exec(data?.listen ?? "")?.[1] ?? "8080";
  const path = data?.sources?.[0]?.path ?? "/webhook";
  return html`<p>Retell must reach this instance. ${data?.ngrok === "failed" && html`An ngrok agent runs here, but it could not be asked: ${data.detail}. `}Where it has
      no public address of its own, ngrok gives it one for a trial; its address then appears here.</p>
    <${Command} text=${`ngrok http ${port}`} />
    <p class="quiet">In production, let your proxy or load balancer pass <code>https://your-host${path}</code> on to port ${port}.</p>`;
}

function Program({ status }) {
  const [leaving, setLeaving] = useState(false);
  const leave = async () => {
    setLeaving(true);
    try {
      await post("/api/v1/logout");
      signedOut.value = true;
    } catch (error) {
      toastError(error, "Still signed in");
      setLeaving(false);
    }
  };
  return html`<section class="card" aria-labelledby="program">
    <header class="card-head"><h2 id="program">Program</h2>
      ${status.token_needed && html`<${Button} small busy=${leaving} onClick=${leave}>Sign out<//>`}</header>
    <div class="card-body"><${Facts} rows=${[
      ["Version", status.version],
      ["Up for", status.started_at && duration(now.value - Date.parse(status.started_at))],
      ["Started", status.started_at && html`<${Time} value=${status.started_at} />`],
      ["Admin token", status.token_needed === undefined ? undefined : status.token_needed ? "needed" : "not needed on loopback"],
      ["Payloads", status.ui && (status.ui.show_payloads === "masked" ? "masked until one asks" : "shown")],
    ]} /></div>
  </section>`;
}

function Configuration({ status }) {
  const { configuration } = status;
  const [busy, setBusy] = useState(false);
  const reload = async () => {
    setBusy(true);
    try {
      const { result, revision } = await post("/-/reload");
      toast(result === "published" ? `Revision ${revision.number} runs` : "Nothing has changed in the file");
    } catch (error) {
      toastError(error, "Nothing was reloaded");
    }
    await look();
    setBusy(false);
  };
  return html`<section class="card" aria-labelledby="configuration">
    <header class="card-head"><h2 id="configuration">Configuration</h2><${Button} small icon="replay" busy=${busy} onClick=${reload}>Reload<//></header>
    <div class="card-body stack"><${Facts} rows=${[
      ["File", html`<code class="breakable">${configuration.file}</code>`],
      ["Revision", html`<a href="/rules">${configuration.revision.number}</a>`],
      ["Hash", html`<${CopyId} id=${configuration.revision.hash} what="Hash" length=${16} />`],
      ["Rules", html`<a href="/rules">${count(configuration.rules)}</a>`],
      ["Targets", html`<a href="/targets">${count(configuration.targets)}</a>`],
      ["Sources", configuration.sources.join(", ")],
    ]} />
    ${(configuration.warnings ?? []).length > 0 &&
    html`<details class="more"><summary>${plural(configuration.warnings.length, "warning")}</summary><${Problems} problems=${configuration.warnings} /></details>`}</div>
  </section>`;
}

const HEALTH = { writable: ["ok", "writable"], full: ["bad", "full"], failed: ["bad", "failed"] };
const FACTS = {
  data_dir: "Folder",
  engine: "Engine",
  file_system: "File system",
  journal_mode: "Journal",
  synchronous: "Sync",
  format: "Format",
  page_size: "Page size",
};

function Store({ store }) {
  const [tone, word] = HEALTH[store.health] ?? ["off", store.health];
  // In the units of the file: what is whole in MiB was hardly given in MB.
  const base = store.max_bytes % 2 ** 20 === 0 ? 1_024 : 1_000;
  const share = Math.min(1, store.bytes / store.max_bytes);
  const percent = share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`;
  return html`<section class="card" aria-labelledby="store">
    <header class="card-head"><h2 id="store">Store</h2><${Badge} tone=${tone}>${word}<//></header>
    <div class="card-body stack"><div class="meter-row"><meter class="meter" min="0" max="1" high="0.8" value=${share} aria-label="Room used by the store"></meter>
      <span>${bytes(store.bytes, base)} of ${bytes(store.max_bytes, base)} <span class="quiet">(${percent})</span></span></div>
    <${Facts} rows=${[
      ["Events", html`<a href="/">${count(store.events)}</a>`],
      ["Quarantined", store.quarantined > 0 ? html`<a href="/?state=quarantined">${count(store.quarantined)}</a>` : "0"],
      ["Waiting", store.pending > 0 ? html`<a href="/?state=pending">${plural(store.pending, "delivery", "deliveries")}</a>` : "0"],
      ["Dead letters", store.dead_letters > 0 ? html`<a href="/targets#dead-letters">${count(store.dead_letters)}</a>` : "0"],
      ...Object.entries(store.facts).map(([name, value]) => [FACTS[name] ?? name.replaceAll("_", " "), html`<span class="breakable">${value}</span>`]),
    ]} /></div>
  </section>`;
}

function Facts({ rows }) {
  const known = rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
  return html`<dl class="facts">${known.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

const RESULTS = { published: "ok", unchanged: "off", refused: "bad", failed: "bad" };
const ASKED_BY = { start: "at start", person: "a person asked", files: "a file changed" };

/** What was loaded, and what was not. */
function History({ resource }) {
  const { data, error } = resource;
  return html`<section class="card" aria-labelledby="history">
    <header class="card-head"><h2 id="history">Reloads and revisions</h2></header>
    <div class="card-body stack">${error && html`<${ErrorBox} error=${error} retry=${resource.reload} />`}
    ${!data && !error && html`<${Loading} lines=${3} />`}
    ${data && html`<${Reloads} reloads=${data.reloads} /><${Revisions} revisions=${data.revisions} running=${data.running} />`}</div>
  </section>`;
}

function Reloads({ reloads }) {
  if (reloads.length === 0) return null;
  const columns = [
    { name: "When", cell: (reload) => html`<${Time} value=${reload.at} /> <span class="quiet only-wide"><${Ago} value=${reload.at} /></span>` },
    { name: "Result", cell: (reload) => html`<${Badge} tone=${RESULTS[reload.result]}>${reload.result}<//>` },
    { name: "Revision", align: "end", cell: (reload) => reload.revision ?? "" },
    { name: "Why", cell: (reload) => html`<span class="nowrap">${ASKED_BY[reload.asked_by] ?? reload.asked_by}</span>` },
    {
      name: "What",
      cell: (reload) =>
        (reload.problems ?? []).length > 0
          ? html`<details class="more"><summary>${plural(reload.problems.length, "problem")}</summary><${Problems} problems=${reload.problems} /></details>`
          : reload.detail ?? "",
    },
  ];
  return html`<h3>Reloads</h3><${Table} label="Reloads, newest first" columns=${columns} rows=${reloads} keyOf=${(reload) => `${reload.at}${reload.result}`} />`;
}

function Revisions({ revisions, running }) {
  if (revisions.length === 0) return null;
  const columns = [
    { name: "Revision", align: "end", cell: (revision) => html`<a href=${`/rules?revision=${revision.number}`}>${revision.number}</a>` },
    { name: "State", head: html`<span class="visually-hidden">State</span>`, cell: (revision) => (revision.number === running ? html`<${Badge} tone="ok">running<//>` : "") },
    { name: "Since", cell: (revision) => html`<${Time} value=${revision.at} /> <span class="quiet only-wide">${ago(revision.at, now.value)}</span>` },
    { name: "Hash", wide: true, cell: (revision) => html`<${CopyId} id=${revision.hash} what="Hash" length=${16} />` },
    { name: "Events", align: "end", cell: (revision) => (revision.events === undefined ? "" : count(revision.events)) },
  ];
  return html`<h3>Revisions</h3><${Table} label="Revisions, newest first" columns=${columns} rows=${revisions} keyOf=${(revision) => revision.number} />`;
}

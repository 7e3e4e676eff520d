// The page: what is around every screen, and which screen it is.
//
// It is made of files as they are, served by the binary. It asks nobody but this instance, and whatever comes out of a payload is
// put into the document as text.

import { html, render, useEffect, useRef, useState } from "./lib/html.js";
import { reachable, signedOut } from "./lib/api.js";
import { look, masks, restarts, status, watchInstance } from "./lib/instance.js";
import { startKeys, useKeys } from "./lib/keys.js";
import { navigate, route, startRouter } from "./lib/router.js";
import { nextTheme, theme } from "./lib/theme.js";
import { Button } from "./components/button.js";
import { Help } from "./components/help.js";
import { Icon } from "./components/icon.js";
import { Empty, Guarded } from "./components/notes.js";
import { Toasts, toast } from "./components/toast.js";
import { Call } from "./screens/call.js";
import { Event } from "./screens/event.js";
import { Live } from "./screens/live.js";
import { Login } from "./screens/login.js";
import { Rules } from "./screens/rules.js";
import { Status } from "./screens/status.js";
import { Targets } from "./screens/targets.js";

const PLACES = [
  { screen: "live", path: "/", label: "Live", icon: "live", keys: "g l" },
  { screen: "rules", path: "/rules", label: "Rules", icon: "rules", keys: "g r" },
  { screen: "targets", path: "/targets", label: "Targets", icon: "targets", keys: "g t" },
  { screen: "status", path: "/status", label: "Status", icon: "status", keys: "g s" },
];

/** Screens that belong to a place without being it. */
const INSIDE = { event: "live", call: "live" };

const SCREENS = {
  live: () => html`<${Live} />`,
  event: (id) => html`<${Event} key=${id} id=${id} />`,
  call: (id) => html`<${Call} key=${id} id=${id} />`,
  rules: () => html`<${Rules} />`,
  targets: () => html`<${Targets} />`,
  status: () => html`<${Status} />`,
  missing: () => html`<${Missing} />`,
};

const TITLES = { live: "Live", event: "Event", call: "Call", rules: "Rules", targets: "Targets", status: "Status", missing: "Not found" };

function App() {
  const [help, setHelp] = useState(false);
  const { screen, id } = route.value;
  useKeys([
    ...PLACES.map((place) => ({ keys: place.keys, label: place.label, group: "Go to", run: () => navigate(place.path) })),
    { keys: "?", label: "This help", group: "Anywhere", run: () => setHelp(true) },
  ]);
  const first = useRef(true);
  useEffect(() => {
    // Who does not see the screen change is taken to the new one.
    if (!first.current) document.getElementById("main")?.focus({ preventScroll: true });
    first.current = false;
  }, [screen, id]);
  useEffect(() => {
    document.title = `${TITLES[screen]}${id ? ` ${id.slice(0, 24)}` : ""} · hookswitch`;
  }, [screen, id]);
  useEffect(() => {
    if (restarts.value > 0) toast("hookswitch was restarted", { detail: "Everything that it had accepted is still there." });
  }, [restarts.value]);

  if (signedOut.value) return html`<${Login} onLogin=${signedIn} /><${Toasts} />`;
  return html`<div class="shell">
    <a class="skip" href="#main">Skip to the content</a>
    <${Nav} onHelp=${() => setHelp(true)} />
    <main class="main" id="main" tabindex="-1">
      ${!reachable.value && html`<${Lost} />`}
      <${Guarded} key=${screen + id}>${SCREENS[screen](id)}<//>
    </main>
    ${help && html`<${Help} onClose=${() => setHelp(false)} />`}
    <${Toasts} />
  </div>`;
}

function signedIn() {
  signedOut.value = false;
  look();
}

function Nav({ onHelp }) {
  const here = INSIDE[route.value.screen] ?? route.value.screen;
  return html`<nav class="nav" aria-label="Screens">
    <a class="brand" href="/"><svg class="brand-mark" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" /><path d="M9 8v7a5 5 0 0 0 5 5h9M18 15l5 5-5 5" /><circle cx="9" cy="8" r="2.5" /></svg><span>hookswitch</span></a>
    <ul class="nav-places">
      ${PLACES.map(
        (place) => html`<li key=${place.screen}><a class="nav-place" href=${place.path} aria-current=${here === place.screen ? "page" : undefined} title=${`${place.label} (${place.keys})`}>
          <${Icon} name=${place.icon} /><span class="nav-label">${place.label}</span><${NavBadge} screen=${place.screen} /></a></li>`,
      )}
    </ul>
    <div class="nav-foot">
      <${Instance} />
      <div class="nav-tools">
        <${Button} variant="ghost" icon=${{ light: "sun", dark: "moon", system: "system" }[theme.value]} label=${`Theme: ${theme.value}`} onClick=${nextTheme} />
        <${Button} variant="ghost" icon="help" label="Keys and help (?)" onClick=${onHelp} />
      </div>
    </div>
  </nav>`;
}

/** What asks for a look, at the place where one would look. */
function NavBadge({ screen }) {
  const seen = status.value;
  if (!seen) return null;
  const dead = seen.store.dead_letters;
  if (screen === "targets" && dead > 0) {
    return html`<span class="nav-badge tone-bad" title=${`${dead} dead letters`}>${dead > 999 ? "999+" : dead}<span class="visually-hidden"> dead letters</span></span>`;
  }
  const refused = (seen.configuration.refused ?? []).length > 0;
  if (screen === "rules" && refused) {
    return html`<span class="nav-badge tone-bad" title="The file as it is now is refused">!<span class="visually-hidden"> the file as it is now is refused</span></span>`;
  }
  const warned = !seen.ready || (seen.store.warnings ?? []).length > 0;
  if (screen === "status" && warned) {
    return html`<span class="nav-badge tone-warn" title="Something needs a look">!<span class="visually-hidden"> something needs a look</span></span>`;
  }
  return null;
}

function Instance() {
  const seen = status.value;
  const [tone, text] = !reachable.value ? ["bad", "not reachable"] : seen?.ready === false ? ["warn", "not ready"] : seen ? ["ok", "running"] : ["off", "…"];
  return html`<a class="instance" href="/status" title="Status of this instance">
    <span class="instance-dot tone-${tone}"></span>
    <span class="instance-text">${text}${seen && html`<span class="quiet"> · v${seen.version}</span>`}${masks.value && html`<span class="quiet"> · masked</span>`}</span>
  </a>`;
}

function Lost() {
  return html`<div class="banner tone-bad" role="alert"><${Icon} name="warn" />
    <span><strong>hookswitch does not answer.</strong> Trying again; what is shown is what was seen last.</span></div>`;
}

function Missing() {
  return html`<div class="screen"><${Empty} title="There is nothing at this address" icon="search"><a class="button is-primary" href="/">To the live events</a><//></div>`;
}

startRouter();
startKeys();
watchInstance();
render(html`<${App} />`, document.getElementById("app"));

// Where the page is. The address is the state: a screen and its filters can be sent to a colleague, and Back goes back.

import { computed, signal } from "./html.js";

/** The screens, by the form of their path. */
const ROUTES = [
  ["live", /^\/$/],
  ["event", /^\/events\/([^/]+)$/],
  ["call", /^\/calls\/([^/]+)$/],
  ["rules", /^\/rules$/],
  ["targets", /^\/targets$/],
  ["status", /^\/status$/],
];

const place = signal(read());

/** `{screen, id}`; `screen` is `missing` where there is none. */
export const route = computed(() => match(place.value.path), { name: "route" });

/** The parameters of the address. */
export const query = computed(() => new URLSearchParams(place.value.search));

function read() {
  return { path: location.pathname, search: location.search };
}

function match(path) {
  for (const [screen, form] of ROUTES) {
    const found = form.exec(path);
    if (found) return { screen, id: found[1] === undefined ? undefined : decode(found[1]) };
  }
  return { screen: "missing", id: undefined };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Goes to `path`, or takes the place of where we are. */
export function navigate(path, { replace = false } = {}) {
  if (path === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"]({ inside: true }, "", path);
  place.value = read();
  if (!replace) scrollTo(0, 0);
}

/** Sets parameters of the address; one without a value goes. */
export function setQuery(changes, { replace = true } = {}) {
  const params = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === null || value === "") params.delete(name);
    else params.set(name, value);
  }
  const text = params.toString();
  navigate(location.pathname + (text ? `?${text}` : ""), { replace });
}

/** Back to where one came from inside the page, else to `path`. */
export function goBack(path) {
  if (history.state?.inside) history.back();
  else navigate(path);
}

/** Follows the buttons of the browser and the links of the page. */
export function startRouter() {
  addEventListener("popstate", () => {
    place.value = read();
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!link || link.target || link.hasAttribute("download")) return;
    const to = new URL(link.href, location.href);
    if (to.origin !== location.origin || match(to.pathname).screen === "missing") return;
    // To a place on what is shown the browser goes by itself.
    if (to.hash && to.pathname === location.pathname && to.search === location.search) return;
    event.preventDefault();
    navigate(to.pathname + to.search + to.hash);
  });
}

// Light, dark, or what the system says. `theme.js` beside the page applies it before the first paint; this changes it.

import { signal } from "./html.js";
import { recall, remember } from "./memory.js";

const THEMES = ["system", "light", "dark"];

/** `system`, `light` or `dark`. */
export const theme = signal(THEMES.includes(recall("theme")) ? recall("theme") : "system");

/** Chooses a theme and remembers it. */
export function setTheme(name) {
  theme.value = name;
  remember("theme", name === "system" ? undefined : name);
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
}

/** The next one in turn. */
export function nextTheme() {
  setTheme(THEMES[(THEMES.indexOf(theme.peek()) + 1) % THEMES.length]);
}

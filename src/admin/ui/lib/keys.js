// The keyboard. A part of the page says which keys it listens to while it is shown; the help lists them, so that it cannot tell
// of a key that does nothing. Keys are single characters, as in the tools that people come from, and can be switched off for those
// whom they hinder (people who dictate, say).

import { signal, useLayoutEffect, useRef } from "./html.js";
import { recall, remember } from "./memory.js";

/** How long the second key of a pair may take. */
const PAIR_MS = 1_200;

/** Whether single keys do something. */
export const keysOn = signal(recall("keys") !== "off");

/** What listens, the innermost last: each a list of `{keys, label, group, run}`. */
export const listeners = signal([]);

let first;
let firstAt = 0;

/** Switches the keys on or off, and remembers it. */
export function setKeys(on) {
  keysOn.value = on;
  remember("keys", on ? undefined : "off");
}

/**
 * Listens to keys while the part is shown. `keys` is a key as the browser names it (`j`, `Enter`, `?`) or a pair (`g l`).
 *
 * @param {{keys: string | string[], label: string, group?: string, run: (event: KeyboardEvent) => void, when?: boolean}[]} bindings
 */
export function useKeys(bindings) {
  const latest = useRef(bindings);
  latest.current = bindings;
  const names = bindings.map((binding) => `${[].concat(binding.keys)}${binding.when !== false}`).join();
  // At once, not after the next frame: whoever sees the part may press a key of it.
  useLayoutEffect(() => {
    const entry = {
      get bindings() {
        return latest.current.filter((binding) => binding.when !== false);
      },
    };
    listeners.value = [...listeners.peek(), entry];
    return () => {
      listeners.value = listeners.peek().filter((other) => other !== entry);
    };
  }, [names]);
}

/** What can be pressed now: `[{group, bindings}]`. */
export function shortcuts() {
  const groups = new Map();
  for (const { bindings } of listeners.value) {
    for (const binding of bindings) {
      const group = binding.group || "This screen";
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push(binding);
    }
  }
  return [...groups].map(([group, bindings]) => ({ group, bindings }));
}

/** Begins to listen. */
export function startKeys() {
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const at = event.target instanceof Element ? event.target : document.body;
  const typing = at.closest("input, textarea, select, [contenteditable=true]");
  if (event.key === "Escape" && typing && !at.closest("dialog")) {
    typing.blur();
    event.preventDefault();
    return;
  }
  if (typing || document.querySelector("dialog[open]")) return;
  if (event.key.length === 1 && !keysOn.peek()) return;
  // In what scrolls by itself the arrows scroll; from a row of a table they lead to the next one.
  if (event.key.startsWith("Arrow") && at.closest('[tabindex="0"]') && !at.closest("tr")) return;
  if (event.key === "Enter" && at.closest("a, button, summary, [role=tab]")) return;

  const pair = performance.now() - firstAt < PAIR_MS ? `${first} ${event.key}` : undefined;
  first = undefined;
  const all = listeners.peek().flatMap((listener) => listener.bindings);
  const found = findLast(all, pair) || findLast(all, event.key);
  if (found) {
    event.preventDefault();
    found.run(event);
  } else if (all.some((binding) => [].concat(binding.keys).some((keys) => keys.startsWith(`${event.key} `)))) {
    first = event.key;
    firstAt = performance.now();
  }
}

function findLast(bindings, keys) {
  return keys && bindings.findLast((binding) => [].concat(binding.keys).includes(keys));
}

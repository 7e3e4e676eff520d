// The help: every key that does something where one is, taken from what listens, so that it is never wrong.

import { html } from "../lib/html.js";
import { keysOn, setKeys, shortcuts } from "../lib/keys.js";
import { Kbd } from "./button.js";
import { Dialog } from "./dialog.js";
import { Mark } from "./badge.js";
import { STATES } from "../lib/deliveries.js";

const MEANS = {
  delivered: "the target accepted it",
  waiting: "its first attempt is due or under way",
  retrying: "an attempt failed; another will follow",
  dead: "given up: a dead letter, to retry or drop",
  dropped: "a dead letter that a person dropped",
};

export function Help({ onClose }) {
  return html`<${Dialog} title="Keys and signs" onClose=${onClose} wide>
    <div class="help">
      ${shortcuts().map(
        ({ group, bindings }) => html`<section key=${group}><h3>${group}</h3><dl class="help-keys">${bindings.map(
          (binding) => html`<div key=${binding.label}><dt>${binding.label}</dt><dd>${[].concat(binding.keys).map((keys) => html`<${Kbd} keys=${keys} /><span class="visually-hidden">${keys}</span>`)}</dd></div>`,
        )}</dl></section>`,
      )}
      <section><h3>In texts and dialogs</h3><dl class="help-keys">
        <div><dt>Leave a field, close a dialog</dt><dd><${Kbd} keys="Escape" /><span class="visually-hidden">Escape</span></dd></div>
        <div><dt>Send a dialog from inside a text</dt><dd><${Kbd} keys="Ctrl Enter" /><span class="visually-hidden">Control Enter</span></dd></div>
      </dl></section>
      <section><h3>Deliveries</h3><dl class="help-keys">${Object.entries(STATES).map(
        ([state, { label }]) => html`<div key=${state}><dt><${Mark} state=${state} /> ${label}</dt><dd class="quiet">${MEANS[state]}</dd></div>`,
      )}</dl></section>
    </div>
    <label class="check"><input type="checkbox" checked=${keysOn.value} onChange=${(event) => setKeys(event.currentTarget.checked)} /> Shortcuts with single keys</label>
  <//>`;
}

// What a screen says when it has nothing to show: that it loads, that there is nothing and what to do about it, or what failed.

import { html, useErrorBoundary } from "../lib/html.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

/** Nothing there, and what to do next. */
export function Empty({ title, icon = "info", children }) {
  return html`<div class="empty">
    <span class="empty-icon"><${Icon} name=${icon} size=${22} /></span>
    <h2>${title}</h2>
    <div class="empty-text">${children}</div>
  </div>`;
}

/** What failed, in the words of the server. `retry` tries it again. */
export function ErrorBox({ error, title, retry }) {
  const problems = error.problems ?? [];
  return html`<div class="note tone-bad" role="alert">
    <${Icon} name="warn" />
    <div class="note-text">
      <strong>${title ?? error.title ?? "That failed"}</strong>
      <p>${error.detail ?? error.message}</p>
      ${problems.length > 0 && html`<${Problems} problems=${problems} />`}
    </div>
    ${retry && html`<${Button} small onClick=${retry}>Try again<//>`}
  </div>`;
}

/** Problems of a configuration, each with its place and what to do. */
export function Problems({ problems }) {
  return html`<ul class="problems">${problems.map(
    (problem) => html`<li>
      <span class="problem-place">${problem.line ? `line ${problem.line}` : problem.path}</span>
      <span>${problem.text}${problem.hint && html`<br /><span class="quiet">${problem.hint}</span>`}</span>
    </li>`,
  )}</ul>`;
}

/** A remark in the run of a screen. @param {{tone?: "ok" | "warn" | "bad" | "accent" | "off", icon?: string, children?: unknown}} props */
export function Note({ tone = "off", icon = "info", children }) {
  return html`<div class="note tone-${tone}"><${Icon} name=${icon} /><div class="note-text">${children}</div></div>`;
}

/** Lines that stand where something is about to be. */
export function Loading({ lines = 4, label = "Loading" }) {
  return html`<div class="loading" role="status"><span class="visually-hidden">${label}</span>${Array.from(
    { length: lines },
    (_, index) => html`<span class="skeleton" key=${index}></span>`,
  )}</div>`;
}

/** Keeps a fault in one screen from taking the page with it. */
export function Guarded({ children }) {
  const [error, reset] = useErrorBoundary((fault) => console.error(fault));
  if (!error) return children;
  const told = { title: "This screen broke", detail: `${error}. The rest of the page still works.` };
  return html`<div class="screen"><${ErrorBox} error=${told} retry=${reset} /></div>`;
}

// JSON as a tree that opens and closes. Values are shown as they stand in the document, strings whole; long lists and long strings
// are cut until a person wants more, so that a body of 10 MiB does not stop the browser.

import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { count } from "../lib/format.js";
import { preview } from "../lib/json.js";
import { marked, places } from "../lib/marks.js";
import { Icon } from "./icon.js";
import { useReveal } from "./find.js";

/** Children that are shown at once, and how many more each time. */
const CHILDREN_MAX = 100;
/** Members that are shown on both sides of one that a search has come to. */
const AROUND = 20;
/** Characters of a string that are shown at once. */
const STRING_MAX = 600;
/** Levels that are open at first. */
const OPEN_LEVELS = 2;
/** Most places that a search tells. */
const FOUND_MAX = 2_000;

/**
 * Where `needle` stands in names and values, in the order of the document: `{path, part, index}`, `part` being `name` or `value`.
 *
 * @param {import("../lib/json.js").Node} root
 */
export function findInTree(root, needle) {
  const found = [];
  if (!needle) return found;
  const look = (text, path, part) => {
    places(text, needle, FOUND_MAX - found.length).forEach((_, index) => found.push({ path, part, index }));
  };
  const walk = (node, path) => {
    if (found.length >= FOUND_MAX) return;
    if (!children(node)) look(node.kind === "string" ? node.value : node.text, path, "value");
    else for (const [name, child] of children(node)) {
      const place = `${path}/${escape(name)}`;
      if (node.kind === "object") look(String(name), place, "name");
      walk(child, place);
    }
  };
  walk(root, "");
  return found;
}

/** Paths are JSON pointers, so that a name with a slash in it is no step. */
function escape(name) {
  return String(name).replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Members of arrays, made once: a long one is gone through at every search. */
const numbered = new WeakMap();

function children(node) {
  if (node.kind === "object") return node.entries;
  if (node.kind !== "array") return undefined;
  if (!numbered.has(node)) numbered.set(node, node.items.map((item, index) => [index, item]));
  return numbered.get(node);
}

/**
 * @param {{root: import("../lib/json.js").Node, label: string, needle?: string, current?: {path: string, part: string, index: number}}} props
 */
export function JsonTree({ root, label, needle = "", current }) {
  const box = useRef(null);
  const [toggled, setToggled] = useState(() => new Map());
  const [more, setMore] = useState(() => new Map());
  useEffect(() => {
    if (!current) return;
    // What stands in the way of the place that one has come to is opened, and stays open.
    setToggled((old) => {
      const next = new Map(old);
      const steps = current.path.split("/");
      for (let end = 1; end < steps.length; end += 1) next.set(steps.slice(0, end).join("/"), true);
      return next;
    });
  }, [current]);
  useReveal(box, [current, toggled]);
  const shared = useMemo(
    () => ({
      needle,
      current,
      isOpen: (path, depth) => toggled.get(path) ?? depth < OPEN_LEVELS,
      toggle: (path, open) => setToggled((old) => new Map(old).set(path, open)),
      shown: (path) => more.get(path) ?? 1,
      showMore: (path) => setMore((old) => new Map(old).set(path, (old.get(path) ?? 1) + 1)),
    }),
    [needle, current, toggled, more],
  );
  return html`<div class="tree" ref=${box} role="region" aria-label=${label} tabindex="0">
    ${children(root) ? html`<${Children} node=${root} path="" depth=${0} shared=${shared} />` : html`<${Leaf} node=${root} path="" shared=${shared} />`}
  </div>`;
}

function Children({ node, path, depth, shared }) {
  const all = children(node);
  if (all.length === 0) return html`<span class="tree-quiet">${preview(node)}</span>`;
  const limit = shared.shown(path) * CHILDREN_MAX;
  const found = placeOf(all, path, shared.current);
  const member = ([name, child], index) => html`<${Member} key=${index} name=${name} named=${node.kind === "object"} node=${child}
    path=${`${path}/${escape(name)}`} depth=${depth} shared=${shared} />`;
  const more = (number) => number > 0 && html`<li key="more"><button type="button" class="tree-more" onClick=${() => shared.showMore(path)}>${count(number)} more</button></li>`;
  if (found < limit) return html`<ul class="tree-list">${all.slice(0, limit).map(member)}${more(all.length - limit)}</ul>`;
  // A search has come to one far down: that one and those beside it are shown, not all before it.
  const from = Math.max(limit, found - AROUND);
  const to = Math.min(all.length, found + AROUND + 1);
  return html`<ul class="tree-list">${all.slice(0, limit).map(member)}${more(from - limit)}${all.slice(from, to).map((entry, index) => member(entry, from + index))}
    ${to < all.length && html`<li class="tree-quiet" key="rest">${count(all.length - to)} more</li>`}</ul>`;
}

/** Which of the members a search has come to, or to something inside it; -1 if to none of them. */
function placeOf(all, path, current) {
  if (!current?.path.startsWith(`${path}/`)) return -1;
  const step = current.path.slice(path.length + 1).split("/")[0];
  return all.findIndex(([name]) => escape(name) === step);
}

function Member({ name, named, node, path, depth, shared }) {
  const here = shared.current?.path === path ? shared.current : undefined;
  const label = html`<span class=${named ? "tree-name" : "tree-index"}>${marked(String(name), named ? shared.needle : "", here?.part === "name" ? here.index : -1)}</span>`;
  const inner = children(node);
  if (!inner || inner.length === 0) {
    return html`<li class="tree-row"><span class="tree-gap"></span>${label}<${Leaf} node=${node} path=${path} shared=${shared} /></li>`;
  }
  const open = shared.isOpen(path, depth + 1);
  return html`<li>
    <button type="button" class="tree-row tree-toggle" aria-expanded=${open ? "true" : "false"} onClick=${() => shared.toggle(path, !open)}>
      <span class="tree-gap"><${Icon} name=${open ? "down" : "right"} size=${12} /></span>${label}<span class="tree-quiet">${preview(node)}</span>
    </button>
    ${open && html`<${Children} node=${node} path=${path} depth=${depth + 1} shared=${shared} />`}
  </li>`;
}

function Leaf({ node, path, shared }) {
  const [whole, setWhole] = useState(false);
  const here = shared.current?.path === path && shared.current.part === "value" ? shared.current : undefined;
  if (node.kind === "object" || node.kind === "array") return html`<span class="tree-quiet">${preview(node)}</span>`;
  if (node.kind !== "string") return html`<span class="tree-${node.kind}">${marked(node.text, shared.needle, here?.index)}</span>`;
  const cut = !whole && !here && node.value.length > STRING_MAX;
  const text = cut ? node.value.slice(0, STRING_MAX) : node.value;
  return html`<span class="tree-string">${marked(text, shared.needle, here?.index)}${cut &&
  html`… <button type="button" class="tree-more" onClick=${() => setWhole(true)}>${count(node.value.length - STRING_MAX)} more characters</button>`}</span>`;
}

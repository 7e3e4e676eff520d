// The body of an event: as a tree or as it came, with a search in it.

import { html, useEffect, useMemo, useState } from "../lib/html.js";
import { at } from "../lib/api.js";
import { bytes } from "../lib/format.js";
import { parse } from "../lib/json.js";
import { CodeView, countPlaces } from "./codeview.js";
import { CopyButton } from "./copy.js";
import { Icon } from "./icon.js";
import { Find } from "./find.js";
import { JsonTree, findInTree } from "./jsontree.js";
import { Note } from "./notes.js";
import { Segmented } from "./tabs.js";

/** Bytes as text; what is not UTF-8 is shown as far as it goes. */
export function decode(data) {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data), broken: false };
  } catch {
    return { text: new TextDecoder().decode(data), broken: true };
  }
}

/** @param {{id: string, data: Uint8Array, masked: boolean, view: string, onView: (view: string) => void}} props */
export function Body({ id, data, masked, view, onView }) {
  const { text, broken } = useMemo(() => decode(data), [data]);
  const { root, fault } = useMemo(() => {
    try {
      return { root: parse(text) };
    } catch (error) {
      return { fault: error.message };
    }
  }, [text]);
  const [needle, setNeedle] = useState("");
  const [current, setCurrent] = useState(0);
  const tree = root && view !== "raw";
  const found = useMemo(() => (tree ? findInTree(root, needle) : []), [tree, root, needle]);
  const total = useMemo(() => (tree ? found.length : countPlaces(text, needle)), [tree, found, text, needle]);
  useEffect(() => setCurrent(0), [needle, tree]);
  const step = (by) => total > 0 && setCurrent((current + by + total) % total);

  return html`<div class="body-tools">
      <${Segmented} label="How to show it" value=${tree ? "tree" : "raw"} onChange=${onView} choices=${root ? [{ id: "tree", label: "Tree" }, { id: "raw", label: "Raw" }] : [{ id: "raw", label: "Raw" }]} />
      <span class="spacer"></span>
      <${Find} label="Find in the body" value=${needle} onInput=${setNeedle} total=${total} current=${current} onStep=${step} />
      <${CopyButton} text=${text} what="Body" />
      ${!masked && html`<a class="button is-ghost is-small is-icon" href=${at`/api/v1/events/${id}/body`} download aria-label="Download the exact bytes" title="Download the exact bytes"><${Icon} name="download" /></a>`}
    </div>
    <div class="body-text">
      ${broken && html`<div class="body-note"><${Note} tone="warn" icon="warn">It is not UTF-8 throughout; what is not is shown as �. The download has the exact ${bytes(data.length)}.<//></div>`}
      ${!root && html`<div class="body-note"><${Note} tone="warn" icon="warn">It is not JSON: ${fault}.<//></div>`}
      ${text === ""
        ? html`<div class="body-note"><${Note}>The body is empty.<//></div>`
        : tree
          ? html`<${JsonTree} root=${root} label="Body" needle=${needle} current=${found[current]} />`
          : html`<${CodeView} text=${text} label="Body as it came" needle=${needle} current=${current} />`}
    </div>`;
}

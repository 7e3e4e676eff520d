// A long list of rows of one height, of which only those in sight are in the document: ten thousand cost as much as fifty.

import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../lib/html.js";

/** Rows that are drawn beyond what is seen, on both sides. */
const BEYOND = 8;
/** How near the end, in rows, older ones are asked for. */
const NEAR_END = 30;

/**
 * @template T
 * @param {{items: T[], rowHeight: number, keyOf: (item: T) => string, row: (item: T, index: number) => unknown, head?: unknown,
 *   foot?: unknown, label: string, onNearEnd?: () => void, onTop?: (top: boolean) => void, seen?: {current: T[]},
 *   place?: {scrollTop?: number}, control?: {current: {show: (index: number) => void, toTop: () => void} | null}}} props
 *   `seen` is told which items are in sight, `onTop` whether the list stands at its beginning; `place` keeps how far it is scrolled
 *   for when it is shown again.
 */
export function Windowed({ items, rowHeight, keyOf, row, head, foot, label, onNearEnd, onTop, place, seen, control }) {
  const box = useRef(null);
  const [range, setRange] = useState({ from: 0, to: 60 });
  const latest = useRef();
  latest.current = { items, rowHeight, onNearEnd, onTop, place };

  const measure = useCallback(() => {
    const { items: all, rowHeight: height, onNearEnd: more, onTop: tell, place: kept } = latest.current;
    const element = box.current;
    if (!element) return;
    const first = Math.floor(element.scrollTop / height);
    const last = Math.ceil((element.scrollTop + element.clientHeight) / height);
    // In steps, so that most scrolling changes nothing.
    const from = Math.max(0, Math.floor(first / 6) * 6 - BEYOND);
    const to = Math.ceil(last / 6) * 6 + BEYOND;
    setRange((old) => (old.from === from && old.to === to ? old : { from, to }));
    if (seen) seen.current = all.slice(first, last + 1);
    tell?.(element.scrollTop < 4);
    if (kept) kept.scrollTop = element.scrollTop;
    if (last > all.length - NEAR_END) more?.();
  }, []);

  useLayoutEffect(() => {
    if (place?.scrollTop) box.current.scrollTop = place.scrollTop;
  }, []);
  useLayoutEffect(measure, [items.length, rowHeight]);
  useEffect(() => {
    const element = box.current;
    let frame = 0;
    const onScroll = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(measure);
    };
    element.addEventListener("scroll", onScroll, { passive: true });
    const watch = new ResizeObserver(onScroll);
    watch.observe(element);
    return () => {
      cancelAnimationFrame(frame);
      element.removeEventListener("scroll", onScroll);
      watch.disconnect();
    };
  }, []);

  if (control) {
    control.current = {
      toTop: () => box.current?.scrollTo({ top: 0 }),
      show(index) {
        const element = box.current;
        if (!element) return;
        const [top, bottom] = [index * rowHeight, (index + 1) * rowHeight];
        const height = element.clientHeight - (element.querySelector(".rows-head")?.offsetHeight ?? 0);
        if (top < element.scrollTop) element.scrollTop = top;
        else if (bottom > element.scrollTop + height) element.scrollTop = bottom - height;
        measure();
      },
    };
  }

  const shown = items.slice(range.from, range.to);
  return html`<div class="rows" ref=${box}>
    <div role="table" aria-label=${label} aria-rowcount=${items.length + 1}>
      ${head && html`<div class="rows-head" role="rowgroup">${head}</div>`}
      <div class="rows-all" role="rowgroup" style=${{ height: `${items.length * rowHeight}px` }}>
        <div class="rows-shown" role="presentation" style=${{ transform: `translateY(${range.from * rowHeight}px)` }}>
          ${shown.map((item, index) => html`<${Row} key=${keyOf(item)} item=${item} index=${range.from + index} row=${row} />`)}
        </div>
      </div>
    </div>
    ${foot && html`<div class="rows-foot">${foot}</div>`}
  </div>`;
}

function Row({ item, index, row }) {
  return row(item, index);
}

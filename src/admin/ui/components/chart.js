// A small chart of one value per minute. What it shows is said in words, too: as its name, and beneath it for the minute that one
// points at, which is the last one that has something until one points.

import { html, useMemo, useState } from "../lib/html.js";
import { clock } from "../lib/format.js";

/** Its own units; the browser stretches them to the room there is. */
const [WIDTH, HEIGHT] = [240, 48];

/**
 * Lines, or bars that stand on each other.
 *
 * @param {{
 *   title: string,
 *   from: number, step_s: number,
 *   series: {name: string, tone: string, values: (number | null)[]}[],
 *   form: "lines" | "bars",
 *   show: (value: number) => string,
 *   empty: string,
 * }} props
 */
export function Chart({ title, from, step_s: step, series, form, show, empty }) {
  const [pointed, setPointed] = useState();
  const length = Math.max(0, ...series.map(({ values }) => values.length));
  const most = useMemo(() => highest(series, form, length), [series, form, length]);
  const last = useMemo(() => lastWith(series, length), [series, length]);
  const shown = pointed !== undefined && pointed < length ? pointed : last;
  const at = (index) => from + index * step * 1_000;

  const point = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    setPointed(Math.min(length - 1, Math.max(0, Math.floor(share * length))));
  };

  return html`<figure class="chart">
    <figcaption class="chart-title">${title}${shown !== undefined && html`<span class="chart-when" aria-hidden="true">${clock(at(shown)).replace(/:\d\d$/, "")}</span>`}</figcaption>
    ${shown === undefined
      ? html`<div class="chart-plot chart-plot-empty"><span>${empty}</span></div>`
      : html`<svg class="chart-plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img"
            aria-label=${words({ title, series, at, show, length })} onPointerMove=${point} onPointerLeave=${() => setPointed()}>
          <line class="chart-base" x1="0" x2=${WIDTH} y1=${HEIGHT - 0.5} y2=${HEIGHT - 0.5} />
          ${pointed !== undefined && html`<rect class="chart-pointed" x=${(pointed * WIDTH) / length} y="0" width=${WIDTH / length} height=${HEIGHT} />`}
          ${form === "lines" ? lines(series, most, length) : bars(series, most, length)}
        </svg>`}
    <div class="chart-legend" aria-hidden="true">
      ${shown !== undefined &&
      html`${series.map(({ name, tone, values }) => html`<span key=${name} class="chart-key tone-${tone}">${name} <b>${values[shown] === null || values[shown] === undefined ? "–" : show(values[shown])}</b></span>`)}`}
    </div>
  </figure>`;
}

/** The largest value, or the largest pile of them. */
function highest(series, form, length) {
  let most = 0;
  for (let index = 0; index < length; index += 1) {
    const values = series.map(({ values }) => values[index] ?? 0);
    most = Math.max(most, form === "bars" ? values.reduce((all, value) => all + value, 0) : Math.max(...values));
  }
  return most || 1;
}

/** The last place that has something to show. */
function lastWith(series, length) {
  for (let index = length - 1; index >= 0; index -= 1) {
    if (series.some(({ values }) => values[index])) return index;
  }
  return undefined;
}

/** A line for each series, broken where it has no value. */
function lines(series, most, length) {
  const y = (value) => (HEIGHT - 2 - (value / most) * (HEIGHT - 5)).toFixed(1);
  return series.map(({ name, tone, values }) => {
    let path = "";
    let open = false;
    values.forEach((value, index) => {
      if (value === null || value === undefined) {
        open = false;
        return;
      }
      const x = (((index + 0.5) * WIDTH) / length).toFixed(1);
      // A lonely point is a line of no length, which its round ends make a dot.
      path += open ? `L${x} ${y(value)}` : `M${x} ${y(value)}h0.01`;
      open = true;
    });
    return html`<path key=${name} class="chart-line tone-${tone}" d=${path} />`;
  });
}

/** A pile of bars for each minute. */
function bars(series, most, length) {
  const [room, gap] = [WIDTH / length, Math.min(1, WIDTH / length / 4)];
  const floors = new Array(length).fill(HEIGHT - 1);
  return series.map(({ name, tone, values }) => {
    let path = "";
    values.forEach((value, index) => {
      if (!value) return;
      const tall = Math.max(1.5, (value / most) * (HEIGHT - 4));
      floors[index] -= tall;
      path += `M${(index * room + gap / 2).toFixed(2)} ${floors[index].toFixed(2)}h${(room - gap).toFixed(2)}v${tall.toFixed(2)}h-${(room - gap).toFixed(2)}z`;
    });
    return html`<path key=${name} class="chart-bar tone-${tone}" d=${path} />`;
  });
}

/** What the chart shows, for whoever does not see it. */
function words({ title, series, at, show, length }) {
  const each = series.map(({ name, values }) => {
    const known = values.map((value, index) => [value, index]).filter(([value]) => value !== null && value !== undefined);
    if (!known.some(([value]) => value > 0)) return `${name}: none`;
    const [most, when] = known.reduce((best, next) => (next[0] > best[0] ? next : best));
    const [latest] = known.at(-1);
    return `${name}: most ${show(most)} at ${clock(at(when))}, last ${show(latest)}`;
  });
  return `${title}, ${length} minutes. ${each.join(". ")}.`;
}

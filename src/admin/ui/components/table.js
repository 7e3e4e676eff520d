// A plain table, for lists that are not long. It scrolls sideways by itself where the screen is narrow; columns that say `wide` go
// there.

import { html } from "../lib/html.js";

/**
 * @template T
 * @param {{label: string, columns: {name: string, head?: unknown, cell: (row: T) => unknown, align?: "end", wide?: boolean}[],
 *   rows: T[], keyOf: (row: T) => string | number}} props
 */
export function Table({ label, columns, rows, keyOf }) {
  return html`<div class="table-wrap" role="region" aria-label=${label} tabindex="0">
    <table class="table">
      <thead><tr>${columns.map((column) => html`<th scope="col" key=${column.name} class=${classOf(column)}>${column.head ?? column.name}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${keyOf(row)}>${columns.map((column) => html`<td key=${column.name} class=${classOf(column)}>${column.cell(row)}</td>`)}</tr>`)}</tbody>
    </table>
  </div>`;
}

function classOf({ align, wide }) {
  return [align && `align-${align}`, wide && "only-wide"].filter(Boolean).join(" ");
}

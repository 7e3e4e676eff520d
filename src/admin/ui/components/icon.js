// The icons: drawn on a grid of 16, with the colour of the text around them. They say nothing to a screen reader; words do.

import { html } from "../lib/html.js";

const PATHS = {
  live: "M2 8h2.5l2-5 3 10 2-5H14",
  rules: "M3 4h7M3 8h10M3 12h5M12.5 2.5v3M10.5 10.5v3",
  targets: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  status: "M2.5 13V9M6.2 13V5M9.8 13V7.5M13.5 13V3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.6 10.6 14 14",
  replay: "M3 8a5 5 0 1 0 1.6-3.7L3 5.8M3 2.5v3.3h3.3",
  edit: "M10.5 3.2l2.3 2.3L5.6 12.7 2.7 13.3l.6-2.9z",
  terminal: "M3 4l4 4-4 4M8.5 12.5H13",
  test: "M6 2.5h4M7 2.5v4L3.4 12a1 1 0 0 0 .9 1.5h7.4a1 1 0 0 0 .9-1.5L9 6.5v-4M5 10h6",
  copy: "M6 5.5h6.5v8H6zM10 5.5v-3H3.5v8H6",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  skip: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM3.8 12.2l8.4-8.4",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  play: "M5 3.2v9.6l7.5-4.8z",
  up: "M8 13V3.5M4 7l4-4 4 4",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  left: "M10 4 6 8l4 4",
  warn: "M8 2.5 14.3 13.3H1.7zM8 6.5v3.2M8 11.4v.1",
  info: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 7.3v3.5M8 5.2v.1",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6ZM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3a5.5 5.5 0 1 0 6.6 6.6Z",
  system: "M2 3h12v8H2zM6 13.5h4",
  help: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.5.3-.8.6-.8 1.2M8 11.2v.1",
  filter: "M2.5 4h11M4.5 8h7M6.5 12h3",
  phone: "M4.2 2.5h2l1 2.8-1.4 1.1a8 8 0 0 0 3.8 3.8l1.1-1.4 2.8 1v2a1.3 1.3 0 0 1-1.4 1.3A10 10 0 0 1 2.9 3.9 1.3 1.3 0 0 1 4.2 2.5Z",
  download: "M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9",
  tool: "M9.8 3.2a3.2 3.2 0 0 0-3.9 4.2l-3.4 3.4 2.7 2.7 3.4-3.4a3.2 3.2 0 0 0 4.2-3.9L10.8 8 8 5.2z",
};

/** @param {{name: keyof typeof PATHS, size?: number}} props */
export function Icon({ name, size = 16 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

// The one file that knows what the page is drawn with. Everything else imports from here, so that replacing Preact, or one of its
// files, is a change in one place.

import { Component, h, render } from "../vendor/preact.module.js";
import htm from "../vendor/htm.module.js";

/** Markup as a tagged template: ``html`<p class="note">${text}</p>` ``. What is inserted is only ever text, never markup. */
export const html = htm.bind(h);

export { render };
export {
  useCallback,
  useEffect,
  useErrorBoundary,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../vendor/hooks.module.js";
export { batch, computed, signal } from "../vendor/signals.module.js";

/** A component that is drawn again only when one of its properties is another. */
export function memo(component) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const names = new Set([...Object.keys(this.props), ...Object.keys(next)]);
      return [...names].some((name) => this.props[name] !== next[name]);
    }
    render(props) {
      return h(component, props);
    }
  };
}

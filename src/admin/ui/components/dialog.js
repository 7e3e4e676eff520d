// Dialogs: the browser's own, which keep the focus inside, close with Esc and give the focus back.

import { html, useEffect, useId, useRef } from "../lib/html.js";
import { Button } from "./button.js";

/**
 * Shown as long as it is rendered; `onClose` has to take it away.
 *
 * @param {{title: string, onClose: () => void, onSubmit?: () => void, footer?: unknown, wide?: boolean, children?: unknown}} props
 *   With `onSubmit` the dialog is a form, and Enter (Ctrl+Enter in a text) sends it.
 */
export function Dialog({ title, onClose, onSubmit, footer, wide = false, children }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog.showModal();
    dialog.querySelector("[data-focus=true]")?.focus();
    return () => {
      dialog.close();
      // Not if it has gone on from there.
      if (document.activeElement === document.body) before?.focus();
    };
  }, []);
  const submit = (event) => {
    event.preventDefault();
    onSubmit?.();
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && onSubmit) submit(event);
  };
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  const outside = (event) => {
    if (event.target === element.current) onClose();
  };
  return html`<dialog ref=${element} class=${wide ? "dialog is-wide" : "dialog"} aria-labelledby=${id} onCancel=${cancel}
    onPointerDown=${outside} onKeyDown=${onKeyDown}>
    <form class="dialog-box" onSubmit=${submit}>
      <header class="dialog-head"><h2 id=${id}>${title}</h2><${Button} variant="ghost" icon="cross" label="Close" onClick=${onClose} /></header>
      <div class="dialog-body">${children}</div>
      ${footer && html`<footer class="dialog-foot">${footer}</footer>`}
    </form>
  </dialog>`;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, children, action, danger = false, busy = false, onConfirm, onClose }) {
  const footer = html`<${Button} onClick=${onClose} data-focus=${danger}>Cancel<//>
    <${Button} type="submit" variant=${danger ? "danger" : "primary"} busy=${busy} data-focus=${!danger}>${action}<//>`;
  return html`<${Dialog} title=${title} onClose=${onClose} onSubmit=${onConfirm} footer=${footer}>${children}<//>`;
}

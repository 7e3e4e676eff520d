// A field for a text that one types, pastes, picks as a file or drops in.

import { html, useId, useRef, useState } from "../lib/html.js";
import { bytes } from "../lib/format.js";
import { Button } from "./button.js";
import { toast, toastError } from "./toast.js";

/**
 * @param {{label: string, hint?: string, value: string, onInput: (text: string) => void, onSend?: () => void, accept: string,
 *   sizeMax: number, rows?: number, actions?: unknown, invalid?: boolean}} props `onSend` is Ctrl+Enter.
 */
export function DropField({ label, hint, value, onInput, onSend, accept, sizeMax, rows = 16, actions, invalid = false }) {
  const [over, setOver] = useState(false);
  const picker = useRef(null);
  const [id, told] = [useId(), useId()];

  const read = async (file) => {
    if (!file) return;
    if (file.size > sizeMax) {
      toast(`${file.name} is too large`, { tone: "bad", detail: `It has ${bytes(file.size)}; at most ${bytes(sizeMax)} are taken.` });
      return;
    }
    try {
      onInput(await file.text());
    } catch (error) {
      toastError(error, `${file.name} cannot be read`);
    }
  };
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) read(file);
    else onInput(event.dataTransfer.getData("text/plain"));
  };
  const onDragOver = (event) => {
    event.preventDefault();
    setOver(true);
  };
  const onKeyDown = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    onSend?.();
  };

  return html`<div class=${over ? "drop is-over" : "drop"} onDragOver=${onDragOver} onDragLeave=${() => setOver(false)} onDrop=${onDrop}>
    <div class="drop-head"><label class="field-label" for=${id}>${label}</label><span class="spacer"></span>${actions}
      <${Button} small onClick=${() => picker.current.click()}>Open a file…<//></div>
    <textarea id=${id} class="textarea" rows=${rows} value=${value} spellcheck=${false} autocapitalize="off" autocomplete="off"
      aria-describedby=${hint ? told : undefined} aria-invalid=${invalid ? "true" : undefined}
      onInput=${(event) => onInput(event.currentTarget.value)} onKeyDown=${onKeyDown}></textarea>
    <input ref=${picker} type="file" accept=${accept} hidden
      onChange=${(event) => {
        read(event.currentTarget.files[0]);
        event.currentTarget.value = "";
      }} />
    ${hint && html`<p class="field-hint" id=${told}>${hint}</p>`}
  </div>`;
}

// Copying and saving text.

import { toast } from "../components/toast.js";

/** Copies `text`, and says so; `what` names it. */
export async function copy(text, what = "Text", detail) {
  try {
    await write(text);
    toast(`${what} copied`, { detail });
  } catch {
    toast("Nothing was copied", { tone: "bad", detail: "The browser does not let this page write to the clipboard." });
  }
}

async function write(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // A page that came over plain http from another machine has no clipboard but this one.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
}

/** Lets the browser save `content` as a file. */
export function download(content, name, type = "text/plain") {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// An answer that comes line by line, each line a JSON document: what takes a while tells how far it has come.

import { ApiError } from "./api.js";

/** Longest line that is read; one that is longer is no answer of ours. */
const LINE_MAX = 8 * 1024 * 1024;

/**
 * The documents of an answer, as they come. To stop reading, abort the request that it answers.
 *
 * @param {Response} answer
 * @returns {AsyncGenerator<object>}
 */
export async function* documents(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = done ? "" : lines.pop();
    if (rest.length > LINE_MAX) throw broken();
    for (const line of lines) {
      if (line.trim() !== "") yield document(line);
    }
    if (done) return;
  }
}

function document(line) {
  try {
    return JSON.parse(line);
  } catch {
    throw broken();
  }
}

function broken() {
  return new ApiError(0, { title: "Broken answer", detail: "the answer broke off, or was not what the page expects" });
}

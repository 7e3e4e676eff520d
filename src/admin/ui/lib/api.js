// The API, as the page speaks to it: only this origin, every value in an address encoded, and every refusal an `ApiError` that
// says in words what went wrong, as the server put it.

import { signal } from "./html.js";

/** Longest wait for an answer. */
const PATIENCE_MS = 30_000;

/** Whether the server asked for a token: then the page shows its login, whatever it was showing. */
export const signedOut = signal(false);

/** Whether the last request got an answer at all. */
export const reachable = signal(true);

/** What came of a request that was not answered 2xx. `status` is 0 if nothing answered. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{title?: string, detail?: string, problems?: object[], text?: string}} body
   */
  constructor(status, body) {
    super(body.detail || body.title || `the server answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.title = body.title || "Failed";
    this.detail = this.message;
    this.problems = body.problems || [];
    this.text = body.text;
  }
}

/** An address, its values encoded: ``at`/api/v1/events/${id}/body` ``. */
export function at(parts, ...values) {
  return parts.reduce((path, part, index) => path + encodeURIComponent(values[index - 1]) + part);
}

/** `path` with the parameters that have a value. */
export function withParams(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== null && value !== "" && value !== false) query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * Asks for `path`.
 *
 * @param {string} path
 * @param {Record<string, unknown>} [params]
 * @param {{signal?: AbortSignal, as?: "json" | "text" | "bytes" | "response"}} [options]
 */
export function get(path, params, options) {
  return ask(withParams(path, params), {}, options);
}

/**
 * Posts `body` as JSON. A body is always sent, and typed, because the server takes nothing else from a browser.
 *
 * @param {string} path
 * @param {unknown} [body]
 * @param {{signal?: AbortSignal, as?: "json" | "text" | "bytes" | "response", params?: Record<string, unknown>, raw?: boolean}} [options]
 *   `raw`: `body` is JSON text already.
 */
export function post(path, body = {}, options = {}) {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: options.raw ? body : JSON.stringify(body),
  };
  return ask(withParams(path, options.params), init, options);
}

async function ask(path, init, { signal: cancelled, as = "json" } = {}) {
  const limit = as === "response" ? [] : [AbortSignal.timeout(PATIENCE_MS)];
  const signals = cancelled ? [cancelled, ...limit] : limit;
  const options = { ...init, credentials: "same-origin", cache: "no-store", redirect: "error" };
  if (signals.length > 0) options.signal = AbortSignal.any(signals);
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (cancelled?.aborted) throw error;
    reachable.value = false;
    throw unanswered(error);
  }
  reachable.value = true;
  if (!answer.ok) throw await refusal(answer);
  try {
    if (as === "response") return answer;
    if (as === "text") return await answer.text();
    if (as === "bytes") return new Uint8Array(await answer.arrayBuffer());
    const text = await answer.text();
    return text === "" ? null : JSON.parse(text);
  } catch (error) {
    if (cancelled?.aborted) throw error;
    throw new ApiError(0, { title: "Broken answer", detail: "the answer broke off, or was not what the page expects" });
  }
}

function unanswered(error) {
  const slow = error?.name === "TimeoutError";
  const detail = slow
    ? `no answer within ${PATIENCE_MS / 1000} seconds`
    : `hookswitch does not answer at ${location.host}: is it still running?`;
  return new ApiError(0, { title: slow ? "Too slow" : "Not reachable", detail });
}

async function refusal(answer) {
  if (answer.status === 401) signedOut.value = true;
  let body = {};
  try {
    if ((answer.headers.get("content-type") || "").includes("json")) body = await answer.json();
  } catch {
    // Then the status has to do.
  }
  if (!body.detail) body = { title: answer.statusText, detail: `the server answered ${answer.status} ${answer.statusText}`.trim() };
  return new ApiError(answer.status, body);
}

/** Whether an error only means that whoever asked went away. */
export function isAbort(error) {
  return error?.name === "AbortError";
}

/** Whether this instance is of a version that does not have what was asked for. */
export function isMissing(error) {
  return error instanceof ApiError && (error.status === 404 || error.status === 405);
}

// Something that is loaded, shown, and loaded again: the one way in which screens ask for data.

import { useCallback, useEffect, useRef, useState } from "./html.js";
import { isAbort } from "./api.js";

/**
 * Loads when `keys` change, and again `every` milliseconds while the tab is seen. What was loaded stays while it is loaded again
 * and when that fails; it goes when `keys` change, unless `keep`.
 *
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} keys
 * @param {{every?: number | ((data: T | undefined) => number | undefined), keep?: boolean}} [options]
 * @returns {{data: T | undefined, error: Error | undefined, loading: boolean, reload: () => Promise<void>}}
 */
export function useResource(load, keys, { every, keep = false } = {}) {
  const [state, setState] = useState({ data: undefined, error: undefined, loading: true });
  const current = useRef({ load, every, abort: undefined, timer: undefined });
  current.current.load = load;
  current.current.every = every;

  const run = useCallback(async () => {
    const mine = current.current;
    mine.abort?.abort();
    clearTimeout(mine.timer);
    const abort = new AbortController();
    mine.abort = abort;
    setState((old) => ({ ...old, loading: true }));
    let data;
    try {
      data = await mine.load(abort.signal);
      if (abort.signal.aborted) return;
      setState({ data, error: undefined, loading: false });
    } catch (error) {
      if (abort.signal.aborted || isAbort(error)) return;
      setState((old) => ({ ...old, error, loading: false }));
    }
    const pause = typeof mine.every === "function" ? mine.every(data) : mine.every;
    if (pause) mine.timer = setTimeout(() => whenSeen(mine, run), pause);
  }, []);

  useEffect(() => {
    if (!keep) setState({ data: undefined, error: undefined, loading: true });
    run();
    const mine = current.current;
    return () => {
      mine.abort?.abort();
      clearTimeout(mine.timer);
    };
  }, keys);

  return { ...state, reload: run };
}

/** Runs `task` now, or as soon as the tab is looked at again. */
function whenSeen(mine, task) {
  const abort = mine.abort;
  if (!document.hidden) {
    task();
    return;
  }
  const seen = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", seen);
    if (!abort.signal.aborted) task();
  };
  document.addEventListener("visibilitychange", seen);
}

// The events of the Live screen: listed, then followed.
//
// New ones come by the stream, where the server can filter it as asked; else, and where a stream is refused, the newest page is
// asked for again and again. Whenever a stream opens, the newest page is read once more, so that nothing that arrived in between
// is missing; if that page joins nothing that is shown, the list begins anew with it. Rows that can still change are asked for by
// id, those in sight only and once a second at most.

import { batch, signal } from "./html.js";
import { get, isAbort, withParams } from "./api.js";
import { EVENT_STATES, isPending } from "./deliveries.js";

const PAGE = 100;
/** Most rows that are kept; older ones can be asked for again. */
const ROWS_MAX = 20_000;
/** Most new ones that wait while the list is held. */
const WAITING_MAX = 5_000;
/** How many rows a search that finds little goes on for by itself, and for how long. */
const SCREENFUL = 40;
const LOOK_ON_MS = 8_000;
/** Most that wait to be drawn. */
const INCOMING_MAX = 500;
/** How often the newest page is asked for where there is no stream. */
const POLL_MS = 2_000;
const POLL_HIDDEN_MS = 20_000;
/** How long a stream may be away before it is told; it ends every few minutes and comes back at once. */
const AWAY_MS = 2_500;
/** First and longest pause before a stream that was refused is tried again. */
const AGAIN_MS = 5_000;
const AGAIN_MS_MAX = 60_000;
/** How often rows in sight are looked at, and at longest. */
const REFRESH_MS = 1_000;
const REFRESH_MS_MAX = 10_000;
/** Most ids that one request may name. */
const IDS_MAX = 100;

/** The filters, as the address names them. */
export const FILTERS = ["text", "event", "agent", "call", "target", "state", "rule", "since", "until"];

/** Those that the stream knows. */
const STREAMED = ["text", "event", "agent", "call", "target", "state", "rule"];

export class Feed {
  /** @param {Record<string, string>} filters */
  constructor(filters) {
    this.filters = filters;
    this.key = JSON.stringify(filters);
    /** Newest first. */
    this.rows = signal([]);
    /** How many new ones are not shown because the list is held. */
    this.waiting = signal(0);
    /** `connecting`, `live`, `polling`, `away`, or `still` where nothing new can come. */
    this.mode = signal("connecting");
    this.loading = signal(true);
    this.error = signal(undefined);
    /** How many events a stream that was far behind left out. */
    this.lagged = signal(0);
    /** Whether there may be older ones, and how far was looked if a page came back short. */
    this.more = signal(false);
    this.lookedTo = signal(undefined);
    this.loadingOlder = signal(false);
    /** How many arrived while this was looked at. */
    this.arrived = signal(0);
    /** Tells which rows are in sight. */
    this.inSight = () => [];

    this.cursor = undefined;
    this.cut = false;
    this.held = false;
    /** How often the list began. */
    this.turn = 0;
    /** Whether there is a gap between what is shown and what came since: then letting in begins anew. */
    this.gap = false;
    this.buffer = [];
    this.ids = new Set();
    this.checks = new Map();
    this.idsWork = true;
    this.again = AGAIN_MS;
    this.timers = {};
  }

  /** Whether the server can filter a stream like this. */
  get streams() {
    const { until, state } = this.filters;
    return !until && (!state || state in EVENT_STATES) && typeof EventSource === "function";
  }

  /** Whether what matches can stop matching: then the list is what the page says. */
  get changes() {
    return Boolean(this.filters.state) && !(this.filters.state in EVENT_STATES);
  }

  /** Begins, or goes on after `stop`. */
  start() {
    this.stopped = false;
    this.abort = new AbortController();
    this.onSeen = () => {
      if (!document.hidden && !this.source) this.poll();
    };
    document.addEventListener("visibilitychange", this.onSeen);
    if (this.streams) {
      this.open();
      // The list does not wait for a stream that may be slow to open.
      this.sync();
    } else {
      this.mode.value = this.filters.until ? "still" : "polling";
      this.poll();
    }
    this.timers.refresh = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  /** Lets go of everything but what is shown. */
  stop() {
    this.stopped = true;
    this.abort?.abort();
    this.source?.close();
    this.source = undefined;
    document.removeEventListener("visibilitychange", this.onSeen);
    for (const timer of Object.values(this.timers)) clearTimeout(timer);
    this.timers = {};
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
  }

  /** Keeps new events back, or lets them in again. */
  hold(held) {
    this.held = held;
    if (!held) this.release();
  }

  /** Lets in what waits. */
  release() {
    const waiting = this.buffer;
    if (this.gap || waiting.length >= WAITING_MAX) this.begin();
    else if (waiting.length > 0) {
      this.buffer = [];
      this.waiting.value = 0;
      this.prepend(waiting);
    }
  }

  // ---- the stream ----

  open() {
    const filters = Object.fromEntries(STREAMED.map((name) => [name, this.filters[name]]));
    const source = new EventSource(withParams("/api/v1/events/stream", filters));
    this.source = source;
    source.onopen = () => {
      clearTimeout(this.timers.away);
      this.timers.away = undefined;
      this.again = AGAIN_MS;
      this.mode.value = "live";
      // Also the first time: what arrived between the first page and now is on neither.
      this.sync();
    };
    source.onmessage = (message) => this.arrive(message.data);
    source.addEventListener("lagged", (message) => this.lag(message.data));
    source.onerror = () => {
      if (this.stopped) return;
      if (source.readyState !== EventSource.CLOSED) {
        // The browser tries again by itself, and tells of each time that fails.
        this.timers.away ??= setTimeout(() => {
          this.mode.value = "away";
        }, AWAY_MS);
        return;
      }
      // Refused: ask for pages instead, and try again later.
      clearTimeout(this.timers.away);
      this.timers.away = undefined;
      source.close();
      this.source = undefined;
      this.mode.value = "polling";
      this.poll();
      this.timers.open = setTimeout(() => {
        clearTimeout(this.timers.poll);
        this.open();
        this.sync();
      }, this.again);
      this.again = Math.min(this.again * 2, AGAIN_MS_MAX);
    };
  }

  arrive(data) {
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      return;
    }
    this.incoming ??= [];
    this.incoming.push(event);
    // All that come within a frame are drawn at once. None comes as long as the tab is hidden: then a timer does, and a bound.
    if (this.incoming.length >= INCOMING_MAX) this.takeIn();
    else if (document.hidden) this.timers.incoming ??= setTimeout(() => this.takeIn(), REFRESH_MS);
    else this.frame ??= requestAnimationFrame(() => this.takeIn());
  }

  takeIn() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timers.incoming);
    this.frame = undefined;
    this.timers.incoming = undefined;
    const events = this.incoming ?? [];
    this.incoming = [];
    this.add(events.reverse());
  }

  lag(data) {
    try {
      this.lagged.value += JSON.parse(data).skipped;
    } catch {
      return;
    }
    if (this.held) this.leaveGap(1);
    else this.begin();
  }

  /** There are newer ones, at least so many, that do not join what is shown. */
  leaveGap(least) {
    this.gap = true;
    this.waiting.value = Math.max(this.waiting.peek(), least);
  }

  // ---- pages ----

  /** The newest page, again and again. */
  async poll() {
    clearTimeout(this.timers.poll);
    await this.sync();
    if (this.stopped || this.source || this.mode.peek() === "still") return;
    this.timers.poll = setTimeout(() => this.poll(), document.hidden ? POLL_HIDDEN_MS : POLL_MS);
  }

  /** Throws away what is shown and begins with the newest page. */
  begin() {
    this.buffer = [];
    this.waiting.value = 0;
    this.ids.clear();
    this.gap = false;
    this.fresh = true;
    return this.sync();
  }

  /** Joins the newest page to what is shown. */
  async sync() {
    let page;
    try {
      page = await get("/api/v1/events", { ...this.filters, limit: PAGE }, { signal: this.abort.signal });
    } catch (error) {
      if (isAbort(error) || this.stopped) return;
      batch(() => {
        this.error.value = error;
        this.loading.value = false;
      });
      clearTimeout(this.timers.sync);
      if (this.source) this.timers.sync = setTimeout(() => this.sync(), POLL_MS);
      return;
    }
    if (this.stopped) return;
    batch(() => {
      this.error.value = undefined;
      if (this.changes && !this.held && !page.looked_to && this.rows.peek().length <= PAGE) this.fresh = true;
      const joins = this.joins(page);
      if (!joins && this.held && !this.fresh && this.rows.peek().length > 0) {
        // Who reads further down is not torn away.
        this.leaveGap(page.events.length);
      } else if (this.fresh || this.loading.peek() || !joins) this.restart(page);
      else {
        this.update(page.events);
        this.add(page.events.filter((event) => !this.ids.has(event.id)));
      }
      this.loading.value = false;
    });
    this.lookOn(SCREENFUL);
  }

  /** Whether nothing can lie between a newest page and what is shown. */
  joins(page) {
    if (page.next === undefined || page.events.some((event) => this.ids.has(event.id))) return true;
    // A page that came back short has looked at everything down to there.
    const newest = this.rows.peek()[0]?.received_at;
    return page.looked_to !== undefined && (newest === undefined || Date.parse(page.looked_to) <= Date.parse(newest));
  }

  restart(page) {
    // The stream may have been quicker than the page: at first everything that is here came by it.
    const first = page.events[0];
    const isNewer = (row) => this.loading.peek() || (first !== undefined && row.id > first.id);
    const newer = this.changes ? [] : this.rows.peek().filter((row) => isNewer(row) && !page.events.some((event) => event.id === row.id));
    this.fresh = false;
    this.turn += 1;
    this.rows.value = [...newer, ...page.events];
    this.ids = new Set(this.rows.peek().map((row) => row.id));
    this.cut = false;
    this.follow(page);
  }

  follow(page) {
    this.cursor = page.next;
    this.more.value = page.next !== undefined;
    this.lookedTo.value = page.next !== undefined && page.events.length < PAGE ? page.looked_to : undefined;
  }

  /** Looks further back, page by page, until there are `rows` rows, or for as long as one likes to wait. */
  async lookOn(rows) {
    const until = Date.now() + LOOK_ON_MS;
    const wants = () => this.more.peek() && this.lookedTo.peek() && this.rows.peek().length < rows && Date.now() < until;
    while (!this.stopped && !this.error.peek() && !this.loadingOlder.peek() && wants()) await this.older();
  }

  /** The next older page. */
  async older() {
    if (this.loadingOlder.peek() || !this.more.peek() || this.loading.peek()) return;
    this.loadingOlder.value = true;
    const turn = this.turn;
    const rows = this.rows.peek();
    // Where rows were cut off at the end, the cursor is of a place further down.
    const place = this.cut ? { until: justAfter(rows.at(-1).received_at) } : { cursor: this.cursor };
    try {
      const page = await get("/api/v1/events", { ...this.filters, ...place, limit: PAGE }, { signal: this.abort.signal });
      const found = page.events.filter((event) => !this.ids.has(event.id));
      // The list began anew meanwhile: this page is of the old one.
      if (turn === this.turn) {
        batch(() => {
          for (const event of found) this.ids.add(event.id);
          this.rows.value = [...this.rows.peek(), ...found];
          this.cut = false;
          this.follow(page);
          this.error.value = undefined;
        });
      }
    } catch (error) {
      if (!isAbort(error)) this.error.value = error;
    }
    this.loadingOlder.value = false;
  }

  // ---- rows ----

  /** New ones, newest first. */
  add(events) {
    const news = events.filter((event) => !this.ids.has(event.id));
    if (news.length === 0) return;
    this.arrived.value += news.length;
    if (this.held && this.rows.peek().length > 0) {
      for (const event of news) this.ids.add(event.id);
      const waiting = [...news, ...this.buffer];
      for (const event of waiting.slice(WAITING_MAX)) this.ids.delete(event.id);
      this.buffer = waiting.slice(0, WAITING_MAX);
      this.waiting.value = this.buffer.length;
    } else this.prepend(news);
  }

  prepend(events) {
    for (const event of events) this.ids.add(event.id);
    let rows = [...events, ...this.rows.peek()];
    if (rows.length > ROWS_MAX) {
      for (const row of rows.slice(ROWS_MAX)) this.ids.delete(row.id);
      rows = rows.slice(0, ROWS_MAX);
      this.cut = true;
      this.more.value = true;
    }
    this.rows.value = rows;
  }

  /** Takes newer states of rows that are shown. */
  update(events) {
    const newer = new Map(events.filter((event) => this.ids.has(event.id)).map((event) => [event.id, event]));
    if (newer.size === 0) return;
    const take = (row) => {
      const event = newer.get(row.id);
      return event && !same(row, event) ? event : row;
    };
    const rows = this.rows.peek().map(take);
    if (rows.some((row, index) => row !== this.rows.peek()[index])) this.rows.value = rows;
    this.buffer = this.buffer.map(take);
  }

  /** Looks at rows in sight that can still change. */
  async refresh() {
    if (!document.hidden) await this.refreshNow().catch(() => undefined);
    if (!this.stopped) this.timers.refresh = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  async refreshNow() {
    const now = Date.now();
    const rows = this.inSight().filter(isPending);
    const seen = new Set(rows.map((row) => row.id));
    for (const id of this.checks.keys()) if (!seen.has(id)) this.checks.delete(id);
    const ids = rows.map((row) => row.id).filter((id) => (this.checks.get(id)?.at ?? 0) <= now).slice(0, IDS_MAX);
    if (ids.length === 0) return;
    let events;
    try {
      if (this.idsWork) events = (await get("/api/v1/events", { ids: ids.join(",") }, { signal: this.abort.signal })).events;
    } catch (error) {
      if (error.status !== 400) throw error;
      // An instance that does not know `ids`: the newest page has to do.
      this.idsWork = false;
    }
    if (!events) {
      await this.sync();
      return;
    }
    const found = new Map(events.map((event) => [event.id, event]));
    for (const id of ids) this.checks.set(id, nextCheck(this.checks.get(id), found.get(id), now));
    this.update(events);
  }
}

/** When to look at a row again: soon at first, then less and less often, and not before its next attempt is due. */
function nextCheck(before, event, now) {
  const times = (before?.times ?? 0) + 1;
  const pause = Math.min(REFRESH_MS * 1.4 ** (times - 1), REFRESH_MS_MAX);
  const dues = (event?.deliveries ?? []).filter((one) => one.state === "pending" && one.due).map((one) => Date.parse(one.due));
  const wait = dues.length > 0 ? Math.min(...dues) - now : 0;
  return { times: wait > 0 ? 0 : times, at: now - 50 + Math.min(Math.max(pause, wait + 200), REFRESH_MS_MAX) };
}

/** Whether nothing that is shown differs. */
function same(row, event) {
  return JSON.stringify(row) === JSON.stringify(event);
}

function justAfter(time) {
  return new Date(Date.parse(time) + 1).toISOString();
}

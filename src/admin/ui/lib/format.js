// Numbers, times and names as people read them. Times are shown in the zone of whoever looks; what they hover over says UTC, too.

import { signal } from "./html.js";

const COUNT = new Intl.NumberFormat("en-US");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const FULL_DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });
const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });

/** The time, once a second while the tab is seen: for what says how long ago something was. */
export const now = signal(Date.now());
setInterval(() => {
  if (!document.hidden) now.value = Date.now();
}, 1_000);

/** `18,234`. */
export function count(number) {
  return COUNT.format(number);
}

/** `1 event`, `18,234 events`. */
export function plural(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** `640 B`, `1.6 KB`, `73 MB`; with 1,024 as the base `10 GiB`. */
export function bytes(number, base = 1_000) {
  let [value, unit] = [number, "B"];
  for (const letter of "KMGT") {
    if (value < base - 0.5) break;
    value /= base;
    unit = base === 1_000 ? `${letter}B` : `${letter}iB`;
  }
  return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** How long: `82 ms`, `3.4 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`. */
export function duration(ms) {
  if (ms === undefined || ms === null || Number.isNaN(ms)) return "";
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 10 && !Number.isInteger(ms)) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  return two(seconds, [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]]);
}

function two(seconds, units) {
  const from = units.findIndex(([size]) => seconds >= size);
  const [[large, name], next] = [units[from], units[from + 1]];
  const head = `${Math.floor(seconds / large)} ${name}`;
  const rest = next ? Math.floor((seconds % large) / next[0]) : 0;
  return rest > 0 ? `${head} ${rest} ${next[1]}` : head;
}

/** How long ago, or how long still: `just now`, `5 s ago`, `in 3 min`. `to` is the time it is. */
export function ago(time, to) {
  const ms = to - Date.parse(time);
  if (Number.isNaN(ms)) return "";
  if (Math.abs(ms) < 1_500) return ms < 0 ? "now" : "just now";
  const whole = Math.round(Math.abs(ms) / 1_000);
  const [size, name] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]].find(([least]) => whole >= least);
  const text = `${Math.floor(whole / size)} ${name}`;
  return ms < 0 ? `in ${text}` : `${text} ago`;
}

/** `14:03:22`, or with the day before it if that is not today. */
export function clock(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return isToday(date) ? hms(date) : `${DAY.format(date)}, ${hms(date)}`;
}

/** `14:03:22.123`. */
export function clockMs(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return `${hms(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** `Sat, 28 Nov 2026`. */
export function day(time) {
  return FULL_DAY.format(new Date(time));
}

/** Everything about a moment: in this zone and in UTC. */
export function fullTime(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const zone = ZONE.formatToParts(date).find((part) => part.type === "timeZoneName")?.value ?? "";
  return `${day(time)}, ${clockMs(time)} ${zone}\n${date.toISOString()}`;
}

function hms(date) {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** When today began, and when it ends: looked up anew once it has ended, because lists ask this for every row. */
let today = { from: 0, to: 0 };

function isToday(date) {
  const time = now.peek();
  if (time >= today.to) today = { from: new Date(time).setHours(0, 0, 0, 0), to: new Date(time).setHours(24, 0, 0, 0) };
  return date.getTime() >= today.from && date.getTime() < today.to;
}

/** A place in a call or a recording: `0:07`, `12:41`, `1:02:03`. */
export function offset(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60), seconds % 60];
  const tail = `${String(rest).padStart(2, "0")}`;
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** The ends of a long id, which are what people compare: `call_3c1f…190da`. */
export function shortId(id, length = 18) {
  if (!id || id.length <= length) return id || "";
  const tail = 5;
  return `${id.slice(0, length - tail - 1)}…${id.slice(-tail)}`;
}

// What became of an event, in the words and colours that the whole page uses for it.

/** States of a delivery as people tell them apart: a pending one waits for its first attempt, or is tried again. */
export const STATES = {
  delivered: { tone: "ok" },
  waiting: { tone: "wait" },
  retrying: { tone: "warn" },
  dead: { tone: "bad" },
  dropped: { tone: "off" },
};

/** Of an event. */
export const EVENT_STATES = {
  routed: { tone: "ok", text: "At least one rule matched, or the fallback took it." },
  unrouted: { tone: "warn", text: "No rule matched, and there is no fallback." },
  ignored: { tone: "off", text: "A rule says that events like this go nowhere." },
  revised: { tone: "off", text: "It repeats an earlier event with another body, so it was not routed again." },
  quarantined: { tone: "bad", text: "It is authentic, but it could not be read." },
};

/** Why a delivery is dead. */
export const REASONS = {
  expired: "it was not accepted within the time that its target allows",
  rejected: "the target refused it for good",
  redirect: "the target answered with a redirect, which is not followed",
  gone: "the target says that it is gone",
  template: "its request could not be rendered",
  unreadable: "its event could not be read",
  target_removed: "its target is not in the configuration any more",
  dropped: "a person dropped it",
};

/** The state of a delivery: a name of `STATES`. */
export function stateOf(delivery) {
  if (delivery.state === "pending") return delivery.attempts > 0 ? "retrying" : "waiting";
  if (delivery.state === "dead" && delivery.reason === "dropped") return "dropped";
  return delivery.state;
}

/** One line about a delivery: `crm: retrying, 3 attempts`. */
export function sentence(delivery) {
  const state = stateOf(delivery);
  const parts = [`${delivery.target}: ${state}`];
  if (delivery.attempts > 1 || (delivery.attempts === 1 && state !== "delivered")) {
    parts.push(`${delivery.attempts} ${delivery.attempts === 1 ? "attempt" : "attempts"}`);
  }
  if (state === "dead" && delivery.reason) parts.push(delivery.reason.replaceAll("_", " "));
  if (delivery.replay) parts.push("replay");
  return parts.join(", ");
}

/** What an event is called. */
export function nameOf(event) {
  return event.event ?? (event.state === "quarantined" ? "unreadable" : "no name");
}

/** Whether a rule matched and something follows from it. */
export function matchedLive(rule) {
  return rule.outcome.result === "matched" && rule.mode !== "shadow";
}

/** Whether anything about an event can still change by itself. */
export function isPending(event) {
  return event.deliveries.some((delivery) => delivery.state === "pending");
}

/**
 * How long it took from arrival until the last target had an event, replays left out; nothing while that is open or where one of
 * them never got it.
 */
export function deliveredMs(event) {
  const first = ofArrival(event);
  if (first.length === 0 || first.some((delivery) => delivery.state !== "delivered" || !delivery.ended_at)) return undefined;
  const last = Math.max(...first.map((delivery) => Date.parse(delivery.ended_at)));
  return Math.max(0, last - Date.parse(event.received_at));
}

/** The deliveries that an event began with. One that a person made has nothing but replays: those that were made with it. */
export function ofArrival({ deliveries, edited_from, received_at }) {
  return deliveries.filter((delivery) => !delivery.replay || (edited_from && delivery.created_at === received_at));
}

/** The latest delivery for each target, in the order in which targets were planned: what one dot stands for. */
export function latestByTarget(deliveries) {
  const latest = new Map();
  for (const delivery of deliveries) {
    const other = latest.get(delivery.target);
    if (!other || other.id < delivery.id) latest.set(delivery.target, delivery);
  }
  return [...latest.values()];
}

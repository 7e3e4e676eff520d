// The course of a call or a chat, out of its events: what came, in which order, after how long, and what has not come.

/** The events that Retell sends of one call, in the order in which they happen. */
const STAGES = {
  call: ["call_started", "call_ended", "call_analyzed"],
  chat: ["chat_started", "chat_ended", "chat_analyzed"],
};

/** What it means that one of them is not there, though a later one is; and though no later one is, either. */
const PASSED = "A later event is here, so it did happen: it did not reach this instance, or the agent does not send it.";
const AWAITED = {
  started: "Its beginning did not reach this instance, or the agent does not send it.",
  ended: "It has not ended yet, or its end did not reach this instance.",
  analyzed: "It comes once Retell has analyzed the conversation, some time after the end.",
};

/**
 * @param {object[]} events in any order
 * @returns {{kind: "call" | "chat", events: object[], first?: string, last?: string, missing: {name: string, text: string, before?: string}[],
 *   late: Set<string>}} `events` oldest first; one that is missing stands `before` the event with this id; `late` has the ids of those that came behind one that happens after them.
 */
export function course(events) {
  const ordered = [...events].sort((one, other) => Date.parse(one.received_at) - Date.parse(other.received_at) || (one.id < other.id ? -1 : 1));
  const kind = ordered.some((event) => event.event?.startsWith("chat_")) ? "chat" : "call";
  const stages = STAGES[kind];
  const seen = new Set(ordered.map((event) => event.event));
  const late = new Set();
  let furthest = -1;
  for (const event of ordered) {
    const stage = stages.indexOf(event.event);
    // A replay or a repeat has a reason to come late.
    if (stage >= 0 && stage < furthest && !event.edited_from && event.state !== "revised") late.add(event.id);
    furthest = Math.max(furthest, stage);
  }
  const missing = stages
    .filter((name) => !seen.has(name))
    .map((name) => {
      const next = ordered.find((event) => stages.indexOf(event.event) > stages.indexOf(name));
      return { name, before: next?.id, text: next ? PASSED : AWAITED[name.split("_")[1]] };
    });
  return { kind, events: ordered, first: ordered[0]?.received_at, last: ordered.at(-1)?.received_at, missing, late };
}

/** Deliveries of all events that are not where they should be: `{event, delivery}`, the dead first. */
export function outstanding(events) {
  const open = events.flatMap((event) =>
    event.deliveries
      .filter((delivery) => delivery.state === "pending" || (delivery.state === "dead" && delivery.reason !== "dropped" && !wasReplayed(event, delivery)))
      .map((delivery) => ({ event, delivery })),
  );
  return open.sort((one, other) => (one.delivery.state === other.delivery.state ? one.delivery.id - other.delivery.id : one.delivery.state === "dead" ? -1 : 1));
}

/** Whether a later delivery brought the event to the same target after all. */
function wasReplayed(event, dead) {
  return event.deliveries.some((delivery) => delivery.target === dead.target && delivery.id > dead.id && delivery.state === "delivered");
}

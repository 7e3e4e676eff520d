// A conversation, out of the forms in which Retell puts it into its events: turns with words and tools, messages of a chat, or only a
// text. Whatever is of another form than expected is left out rather than guessed.

/**
 * @typedef {{kind: "agent" | "user" | "tool" | "result" | "note", text: string, at?: number, name?: string, failed?: boolean}} Turn
 *   `at`: milliseconds since the beginning.
 */

/**
 * @param {unknown} document the body, parsed
 * @returns {{turns: Turn[], start?: number, facts: [string, string, string?][]}}
 */
export function conversation(document) {
  const root = object(document);
  const subject = object(root.call ?? root.chat);
  const start = number(subject.start_timestamp);
  return { turns: turnsOf(root, subject, start), start, facts: factsOf(subject) };
}

function turnsOf(root, subject, start) {
  const lists = [
    subject.transcript_with_tool_calls,
    root.transcript_with_tool_calls,
    subject.message_with_tool_calls,
    subject.transcript_object,
  ];
  const list = lists.find((one) => Array.isArray(one) && one.length > 0);
  if (list) return list.map((entry) => turn(object(entry), start)).filter(Boolean);
  return typeof subject.transcript === "string" ? fromText(subject.transcript) : [];
}

function turn(entry, start) {
  const at = placeOf(entry, start);
  const text = typeof entry.content === "string" ? entry.content : "";
  switch (entry.role) {
    case "agent":
    case "user":
      return { kind: entry.role, text, at };
    case "transfer_target":
      return { kind: "user", name: "Transfer target", text, at };
    case "tool_call_invocation":
      return { kind: "tool", name: string(entry.name) ?? "a tool", text: string(entry.arguments) ?? "", at };
    case "tool_call_result":
      return { kind: "result", text, at, failed: entry.successful === false };
    case "node_transition":
      return { kind: "note", text: `${string(entry.former_node_name) ?? "start"} → ${string(entry.new_node_name) ?? "?"}`, at };
    case "dtmf":
      return { kind: "note", text: `pressed ${string(entry.digit) ?? "a key"}`, at };
    default:
      return typeof entry.role === "string" ? { kind: "note", text: text ? `${entry.role}: ${text}` : entry.role, at } : undefined;
  }
}

function placeOf(entry, start) {
  const word = Array.isArray(entry.words) ? number(object(entry.words[0]).start) : undefined;
  if (word !== undefined) return word * 1_000;
  const created = number(entry.created_timestamp);
  return created !== undefined && start !== undefined ? created - start : undefined;
}

/** `Agent: …` and `User: …`, line by line; what follows without a name belongs to who spoke before. */
function fromText(text) {
  const turns = [];
  for (const line of text.split("\n")) {
    const found = /^(Agent|User): ?(.*)$/.exec(line);
    if (found) turns.push({ kind: found[1].toLowerCase(), text: found[2] });
    else if (turns.length > 0) turns.at(-1).text += `\n${line}`;
    else if (line.trim()) turns.push({ kind: "note", text: line });
  }
  return turns;
}

/** What one wants to know of a call before reading it: `[label, value, form]`; `form` says how a value is to be written. */
function factsOf(subject) {
  const analysis = object(subject.call_analysis ?? subject.chat_analysis);
  const facts = [
    ["Agent", string(subject.agent_name)],
    ["Direction", string(subject.direction)],
    ["From", string(subject.from_number)],
    ["To", string(subject.to_number)],
    ["Began", moment(number(subject.start_timestamp)), "time"],
    ["Lasted", number(subject.duration_ms), "duration"],
    ["Ended by", string(subject.disconnection_reason)?.replaceAll("_", " ")],
    ["Sentiment", string(analysis.user_sentiment)],
    ["Successful", yesNo(analysis.call_successful ?? analysis.chat_successful)],
    ["Voicemail", analysis.in_voicemail === true ? "yes" : undefined],
    ["Summary", string(analysis.call_summary) ?? string(analysis.chat_summary)],
  ];
  return facts.filter(([, value]) => value !== undefined && value !== "");
}

/** `value` if it is an object, else an empty one: then nothing is found in it. */
function object(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

function string(value) {
  return typeof value === "string" ? value : undefined;
}

function number(value) {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** A time that a `Date` can hold; of any other nothing is told. */
function moment(ms) {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}

function yesNo(value) {
  return typeof value === "boolean" ? (value ? "yes" : "no") : undefined;
}

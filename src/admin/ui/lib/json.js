// JSON, read so that nothing is lost: `JSON.parse` rounds long numbers, moves members with numeric names and drops the first of two
// members of one name. What a person looks at here must be what arrived. It says where a text stops being JSON, too.

/** Deepest nesting that is read. */
const DEPTH_MAX = 256;

/**
 * A value: `kind` is `object` (`entries`: `[name, node]`), `array` (`items`), `string` (`value`), or `number`, `boolean`, `null`
 * (`text`, as it stands in the document).
 *
 * @typedef {{kind: string, entries?: [string, Node][], items?: Node[], value?: string, text?: string}} Node
 */

/** Where a text is not JSON, and why. */
export class JsonError extends Error {
  constructor(reason, text, at) {
    const before = text.slice(0, at);
    const line = before.split("\n").length;
    const column = at - before.lastIndexOf("\n");
    super(`line ${line}, column ${column}: ${reason}`);
    this.name = "JsonError";
    this.at = at;
    this.line = line;
    this.column = column;
  }
}

/**
 * Reads a whole document.
 *
 * @param {string} text
 * @returns {Node}
 */
export function parse(text) {
  const reader = new Reader(text);
  reader.space();
  const node = reader.value(0);
  reader.space();
  if (reader.at < text.length) reader.fail("something stands behind the end of the document");
  return node;
}

/** As `parse`; nothing if the text is not JSON. */
export function tryParse(text) {
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  fail(reason) {
    throw new JsonError(reason, this.text, this.at);
  }

  space() {
    this.take(SPACE);
  }

  take(form) {
    form.lastIndex = this.at;
    const found = form.exec(this.text);
    if (!found) return undefined;
    this.at = form.lastIndex;
    return found[0];
  }

  value(depth) {
    if (depth > DEPTH_MAX) this.fail(`nested deeper than ${DEPTH_MAX} levels`);
    const next = this.text[this.at];
    if (next === "{") return this.object(depth);
    if (next === "[") return this.array(depth);
    if (next === '"') return { kind: "string", value: this.string() };
    const word = this.take(WORD);
    if (word) return { kind: word === "null" ? "null" : "boolean", text: word };
    const number = this.take(NUMBER);
    if (number) return { kind: "number", text: number };
    return this.fail(next === undefined ? "the text ends where a value belongs" : `\`${next}\` where a value belongs`);
  }

  string() {
    const start = this.at;
    const quoted = this.take(STRING);
    if (quoted === undefined) {
      this.at = start;
      this.fail("a string that does not end, or holds what must be escaped");
    }
    return JSON.parse(quoted);
  }

  object(depth) {
    const entries = [];
    this.list("}", "a member", () => {
      if (this.text[this.at] !== '"') this.fail("a member's name in double quotes belongs here");
      const name = this.string();
      this.space();
      if (this.text[this.at] !== ":") this.fail("`:` belongs behind a member's name");
      this.at += 1;
      this.space();
      entries.push([name, this.value(depth + 1)]);
    });
    return { kind: "object", entries };
  }

  array(depth) {
    const items = [];
    this.list("]", "a value", () => items.push(this.value(depth + 1)));
    return { kind: "array", items };
  }

  list(end, what, one) {
    this.at += 1;
    this.space();
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      one();
      this.space();
      const next = this.text[this.at];
      if (next !== "," && next !== end) this.fail(`\`,\` or \`${end}\` belongs behind ${what}`);
      this.at += 1;
      if (next === end) return;
      this.space();
    }
  }
}

/** The document as text, indented. */
export function pretty(node, indent = "") {
  const inner = `${indent}  `;
  switch (node.kind) {
    case "object":
      if (node.entries.length === 0) return "{}";
      return `{\n${node.entries.map(([name, value]) => `${inner}${JSON.stringify(name)}: ${pretty(value, inner)}`).join(",\n")}\n${indent}}`;
    case "array":
      if (node.items.length === 0) return "[]";
      return `[\n${node.items.map((item) => inner + pretty(item, inner)).join(",\n")}\n${indent}]`;
    case "string":
      return JSON.stringify(node.value);
    default:
      return node.text;
  }
}

/** The document as text, in one line. */
export function compact(node) {
  switch (node.kind) {
    case "object":
      return `{${node.entries.map(([name, value]) => `${JSON.stringify(name)}:${compact(value)}`).join(",")}}`;
    case "array":
      return `[${node.items.map(compact).join(",")}]`;
    case "string":
      return JSON.stringify(node.value);
    default:
      return node.text;
  }
}

/** What stands in a node, in one line. */
export function preview(node) {
  switch (node.kind) {
    case "object":
      return node.entries.length === 0 ? "{}" : `{ ${node.entries.length} }`;
    case "array":
      return node.items.length === 0 ? "[]" : `[ ${node.items.length} ]`;
    case "string":
      return JSON.stringify(node.value);
    default:
      return node.text;
  }
}

// Just enough about YAML to colour a line: what is a comment, a key, a quoted text. It never decides anything; a line that it reads
// wrongly is a line in another colour.

/** The parts of a line: `[kind, text]`; kind is `comment`, `key`, `string`, `insert` or `plain`. Together they are the line. */
export function parts(line) {
  const [code, comment] = split(line);
  const found = [];
  let rest = code;
  const key = /^(\s*(?:- +)*)((?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s#"'{}[\],&*!|>%@`-][^#{}[\],]*?|-[^\s#{}[\],][^#{}[\],]*?))(:)(?=\s|$)/.exec(rest);
  if (key) {
    found.push(["plain", key[1]], ["key", key[2]], ["plain", key[3]]);
    rest = rest.slice(key[0].length);
  }
  const value = /"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\$\{[^}]*\}|(?<=[{,]\s*)[\w.$-]+(?=:\s)/g;
  let end = 0;
  for (const match of rest.matchAll(value)) {
    found.push(["plain", rest.slice(end, match.index)]);
    found.push([match[0].startsWith("$") && match[0].startsWith("${") ? "insert" : /^["']/.test(match[0]) ? "string" : "key", match[0]]);
    end = match.index + match[0].length;
  }
  found.push(["plain", rest.slice(end)], ["comment", comment]);
  return found.filter(([, text]) => text !== "");
}

/** The line up to its comment, and the comment. */
function split(line) {
  let quote;
  for (let at = 0; at < line.length; at += 1) {
    const letter = line[at];
    if (quote) {
      if (letter === "\\" && quote === '"') at += 1;
      else if (letter === quote) quote = undefined;
    } else if ((letter === '"' || letter === "'") && /^$|[\s[{,(:]/.test(line[at - 1] ?? "")) quote = letter;
    else if (letter === "#" && (at === 0 || /\s/.test(line[at - 1]))) return [line.slice(0, at), line.slice(at)];
  }
  return [line, ""];
}

// Text that tries to be something else than text. Each sets `window.__ran` if it gets to run.

export const HOSTILE = {
  "a script": "<script>window.__ran = 1; alert(1)</script>",
  "an image with a handler": `<img src=x onerror="window.__ran = 1; alert(1)">`,
  "the end of a script": "</script><script>window.__ran = 1</script>",
  "the end of a style and a title": "</style></title></textarea><svg onload=window.__ran=1>",
  "quotes that leave an attribute": `" autofocus onfocus="window.__ran = 1" x='`,
  "a script as an address": "javascript:window.__ran=1",
  "syntax of templates": "{{ 7 * 7 }} ${window.__ran = 1} <%= 7 %> {% raw %} #{7} [[7]]",
  "text from right to left": "\u202Eevil\u202C \u05E9\u05DC\u05D5\u05DD \u0645\u0631\u062D\u0628\u0627 \u2066isolated\u2069",
  "emoji": "\u{1F469}\u200D\u{1F4BB}\u{1F3F3}\uFE0F\u200D\u{1F308} e\u0301\u0301\u0301 \u{1F600}",
  "control characters": "a\u0000b\u0007c\u001B[31mred\u001B[0m\u0085",
  "a long word": "W".repeat(10_240),
  "the names of an object's parents": "__proto__",
};

/** All of them in one line. */
export const ALL = Object.values(HOSTILE).join(" | ");

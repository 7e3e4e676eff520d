// An event as a command that posts it again. Whatever is in the body must reach `curl` and nothing else: not the shell, not curl's own
// `@file`, and no control character that a terminal would act on while it is pasted.

/** Longest body that is put into the command itself; one argument may be no longer than 128 KiB on Linux. */
const INSIDE_MAX = 64 * 1024;

/** One word of a POSIX shell that means exactly `text`. */
export function quote(text) {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {{address: string, query?: string, contentType?: string, body: Uint8Array, from: string, token?: boolean}} request
 *   A long body is fetched `from` this address, with the admin `token` if one is needed.
 */
export function curl({ address, query, contentType = "application/json", body, from, token = false }) {
  const url = query ? `${address}?${query}` : address;
  // `-g`: what looks like a range in an address is none.
  const rest = `-H ${quote(`content-type: ${contentType}`)} ${quote(url)}`;
  if (body.length > INSIDE_MAX) {
    const login = token ? ' -H "authorization: Bearer $HOOKSWITCH_ADMIN_TOKEN"' : "";
    return `curl -sS${login} ${quote(from)} | curl -ig --data-binary @- ${rest}`;
  }
  const text = plain(body);
  if (text !== undefined) return `curl -ig --data-raw ${quote(text)} ${rest}`;
  return `printf %s ${base64(body)} | base64 -d | curl -ig --data-binary @- ${rest}`;
}

/** The body as text, if it is one that can be pasted. */
function plain(body) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    // Controls, and the marks that turn the direction of text around or are not seen at all.
    return /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function base64(body) {
  let binary = "";
  for (let at = 0; at < body.length; at += 0x8000) binary += String.fromCharCode(...body.subarray(at, at + 0x8000));
  return btoa(binary);
}

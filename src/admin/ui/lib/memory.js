// What this browser remembers of a person's choices. It may have to do without: storage can be switched off.

/** What was remembered under `name`. */
export function recall(name) {
  try {
    return localStorage.getItem(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Remembers `value`, or forgets if there is none. */
export function remember(name, value) {
  try {
    if (value === undefined) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Then it lasts as long as the page.
  }
}

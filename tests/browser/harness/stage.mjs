// What most tests need: a browser, a receiver and an instance, there before the first test of a file and gone after the last, also
// where one of them failed.

import { after, before } from "node:test";

import { launch, open } from "./browser.mjs";
import { Instance } from "./instance.mjs";
import { Receiver } from "./receiver.mjs";

/** @param {(receiver: Receiver) => Parameters<typeof Instance.start>[0]} settings */
export function stage(settings, prepare = async () => {}) {
  const on = {
    /** Opens a page; it closes with the test, which fails if anything was wrong with it. */
    async open(t, path, options = {}) {
      const opened = await open(on.browser, { instance: on.instance, path, ...options });
      t.after(async () => {
        // A page that was closed, or a test that failed, says enough by itself.
        if (!opened.page.isClosed()) await opened.clean().finally(opened.close);
      });
      return opened.page;
    },
  };
  before(async () => {
    [on.browser, on.receiver] = await Promise.all([launch(), Receiver.start()]);
    on.instance = await Instance.start(settings(on.receiver));
    await prepare(on);
  });
  after(async () => {
    await on.browser?.close();
    await on.instance?.close();
    await on.receiver?.close();
  });
  return on;
}

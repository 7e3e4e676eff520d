// Says in a line what the browser tests lack here, and ends with 1; says nothing where they can run.
//   node tests/browser/ready.mjs

const [major] = process.versions.node.split(".").map(Number);

async function lacks() {
  if (major < 20) return `Node ${process.versions.node} is too old; it must be 20 or later`;
  try {
    await Promise.all([import("playwright-core"), import("axe-core")]);
  } catch {
    return "the packages are not installed: npm ci --prefix tests/browser";
  }
  const { chromiumPath } = await import("./harness/browser.mjs");
  if (!chromiumPath()) return "there is no chromium; HOOKSWITCH_CHROMIUM names one";
  return undefined;
}

const what = await lacks();
if (what) {
  console.log(what);
  process.exit(1);
}

// Says how large the page is, and ends with 1 where that is more than it may be.
//   node tests/browser/size.mjs
// Counted is every file that a browser loads for it, each compressed by itself with gzip -9, as the sum. Licences and the list of what
// is vendored are served beside them, and loaded by nobody.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BYTES_MAX = 120_000;
const LOADED = [".html", ".js", ".css", ".svg"];

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../src/admin/ui");
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
const size = (file) => gzipSync(readFileSync(file), { level: 9 }).length;
const ofKind = (ending) => files.filter((file) => extname(file) === ending);
const kb = (bytes) => (bytes / 1_000).toFixed(1);

if (ofKind(".js").length === 0) {
  console.error(`${folder} has no script: this looks in the wrong place`);
  process.exit(1);
}
const sum = (some) => some.map(size).reduce((all, bytes) => all + bytes, 0);
const loaded = files.filter((file) => LOADED.includes(extname(file)));
const all = sum(loaded);
console.log(`the page: ${kb(all)} kB compressed in ${loaded.length} files (scripts ${kb(sum(ofKind(".js")))}, styles ${kb(sum(ofKind(".css")))}); most is ${kb(BYTES_MAX)}`);
if (all > BYTES_MAX) process.exit(1);

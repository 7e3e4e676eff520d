// Says how large the page is, and ends with 1 where that is more than it may be.
//   node tests/browser/size.mjs
// Counted is every file that the binary serves, each compressed by itself with gzip -9, as the sum.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BYTES_MAX = 120 * 1024;

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../src/admin/ui");
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
const size = (file) => gzipSync(readFileSync(file), { level: 9 }).length;
const ofKind = (ending) => files.filter((file) => extname(file) === ending);
const kib = (bytes) => (bytes / 1024).toFixed(1);

if (ofKind(".js").length === 0) {
  console.error(`${folder} has no script: this looks in the wrong place`);
  process.exit(1);
}
const sum = (some) => some.map(size).reduce((all, bytes) => all + bytes, 0);
const all = sum(files);
console.log(
  `the page: ${kib(all)} KiB compressed in ${files.length} files (scripts ${kib(sum(ofKind(".js")))}, styles ${kib(sum(ofKind(".css")))}); most is ${kib(BYTES_MAX)}`,
);
if (all > BYTES_MAX) process.exit(1);

// Refreshes what the page vendors, and checks that the committed files are what npm has.
//   node tests/browser/vendor.mjs            fetch the pinned packages, write the files, their licences and vendor.json
//   node tests/browser/vendor.mjs --check    fetch them, and end with 1 where what is committed differs
// To move to a newer version: change it in PINS, run it, read the difference.
//
// The files are npm's but for two things. A browser does not know what `preact` means in an import, and the page's policy allows
// no import map, so such names become paths to the files beside them. And the comment that names a source map goes: there is none.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PINS = { preact: "11.2.0", "@preact/signals-core": "1.14.5", "@preact/signals": "2.11.4", htm: "3.1.1" };

/** Each file: the name that others import it by, where it lies in its package, what it is called here. */
const FILES = [
  { name: "preact", package: "preact", path: "dist/preact.mjs", file: "preact.module.js" },
  { name: "preact/hooks", package: "preact", path: "hooks/dist/hooks.mjs", file: "hooks.module.js" },
  { name: "@preact/signals-core", package: "@preact/signals-core", path: "dist/signals-core.module.js", file: "signals-core.module.js" },
  { name: "@preact/signals", package: "@preact/signals", path: "dist/signals.module.js", file: "signals.module.js" },
  { name: "htm", package: "htm", path: "dist/htm.module.js", file: "htm.module.js" },
];

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../src/admin/ui/vendor");
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** Unpacks a package into `into`; npm checks it against the hash that its registry signs. */
function unpack(name, version, into) {
  const packed = execFileSync("npm", ["pack", `${name}@${version}`, "--json", "--silent", "--pack-destination", into], { encoding: "utf8" });
  const [{ filename }] = JSON.parse(packed);
  const unpacked = join(into, name);
  mkdirSync(unpacked, { recursive: true });
  execFileSync("tar", ["-xzf", join(into, filename.replace("@", "").replace("/", "-")), "-C", unpacked, "--strip-components=1"]);
  return unpacked;
}

/** The text with each bare name in an import replaced by the file that has it; a name that nobody has is an error. */
function rewrite(text, where) {
  const paths = new Map(FILES.map(({ name, file }) => [name, `./${file}`]));
  const imports = /(\bfrom\s*|\bimport\s*\(?\s*)(["'])([^"']+)\2/g;
  const rewritten = text.replace(imports, (_, before, quote, name) => {
    if (!paths.has(name)) throw new Error(`${where} imports ${name}, which is not vendored`);
    return `${before}${quote}${paths.get(name)}${quote}`;
  });
  return rewritten.replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, "\n");
}

/** Every file that the folder must have, by name. */
function wanted() {
  const work = mkdtempSync(join(tmpdir(), "vendor-"));
  try {
    const files = new Map();
    const packages = new Map();
    const licences = [];
    for (const [name, version] of Object.entries(PINS)) {
      const unpacked = unpack(name, version, work);
      const { license } = JSON.parse(readFileSync(join(unpacked, "package.json"), "utf8"));
      licences.push(`==== ${name} ${version}: ${license}\n\n${readFileSync(join(unpacked, "LICENSE"), "utf8").trim()}\n`);
      packages.set(name, { unpacked, version, licence: license });
    }
    files.set("LICENSES", licences.join("\n\n"));
    const list = FILES.map(({ package: name, path, file }) => {
      const { unpacked, ...about } = packages.get(name);
      const theirs = readFileSync(join(unpacked, path), "utf8");
      const ours = rewrite(theirs, `${name}/${path}`);
      files.set(file, ours);
      return { file, package: name, ...about, source: path, source_sha256: sha256(theirs), sha256: sha256(ours) };
    });
    files.set("vendor.json", `${JSON.stringify({ files: list }, null, 2)}\n`);
    return files;
  } finally {
    rmSync(work, { recursive: true });
  }
}

const files = wanted();
if (process.argv.includes("--check")) {
  const there = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  const wrong = [
    ...[...files].filter(([name, text]) => there.get(name) !== text).map(([name]) => `${name} is not what the pinned package gives`),
    ...[...there.keys()].filter((name) => !files.has(name)).map((name) => `${name} comes from no pinned package`),
  ];
  for (const line of wrong) console.error(`src/admin/ui/vendor: ${line}`);
  if (wrong.length > 0) process.exit(1);
  console.log(`src/admin/ui/vendor: ${files.size} files are what npm has`);
} else {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  console.log(`src/admin/ui/vendor: wrote ${files.size} files`);
}

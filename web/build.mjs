// Builds both pages into the Python package: `node build.mjs [--check]`.
//
// The result is committed, so that nobody needs Node to run it. `--check` builds in memory, and
// fails where that is not what is committed.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const pages = [
  { from: "live", entry: "page.tsx", to: "../profiler/service/live/page" },
  { from: "shop", entry: "shop.ts", to: "../profiler/demo/shop/pages" },
];

/** The built files of a page: name → bytes. */
async function built({ from, entry }) {
  const source = path.join(here, from);
  const files = new Map();
  const result = await build({
    absWorkingDir: here,
    entryPoints: [path.join(source, entry), path.join(source, entry.replace(/\.tsx?$/, ".css"))],
    bundle: true,
    minify: true,
    write: false,
    outdir: "assets",
    format: "esm",
    target: ["es2022"],
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  for (const file of result.outputFiles) {
    files.set(`assets/${path.basename(file.path)}`, Buffer.from(file.contents));
  }
  files.set("assets/licenses.txt", await licences(Object.keys(result.metafile.inputs)));
  const layout = path.join(source, "layout.html");
  const frame = existsSync(layout) ? await readFile(layout, "utf8") : "";
  for (const name of await readdir(source)) {
    const bytes = await readFile(path.join(source, name));
    if (name.endsWith(".svg")) files.set(`assets/${name}`, bytes);
    else if (name.endsWith(".html") && name !== "layout.html") {
      files.set(name, frame ? framed(frame, name, bytes) : bytes);
    }
  }
  return files;
}

/**
 * A page in the frame of its folder. A page's source is its title, and below it what stands in `main`.
 *
 * The frame has `{{title}}`, `{{main}}`, and `{{is NAME}}` where the link to that page says that one is there.
 */
function framed(frame, name, bytes) {
  const [, title, main] = /^<title>(.*)<\/title>\n(.*)$/s.exec(bytes.toString()) ?? [];
  if (main === undefined) throw new Error(`${name} does not begin with its title`);
  const page = path.basename(name, ".html");
  if (!frame.includes(`{{is ${page}}}`)) throw new Error(`layout.html has no link to ${name}`);
  const mark = (name) => (name === page ? ' aria-current="page"' : "");
  return Buffer.from(
    frame.replace(/\{\{(is )?(.*?)\}\}/g, (_, is, what) => (is ? mark(what) : { title, main }[what])),
  );
}

/** The licence of every package that a bundle has a part of. */
async function licences(inputs) {
  const packages = new Set();
  for (const input of inputs) {
    const found = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found) packages.add(found[1]);
  }
  let text = "Parts of these packages are in the scripts beside this file.\n";
  for (const name of [...packages].sort()) {
    const folder = path.join(here, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each));
    text += `\n${"-".repeat(80)}\n${name} ${version} (${license})\n\n`;
    text += (await readFile(path.join(folder, file), "utf8")).trim() + "\n";
  }
  return Buffer.from(text);
}

/** Every file below a folder, by its name there. */
async function committed(folder) {
  if (!existsSync(folder)) return new Map();
  const found = new Map();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    found.set(path.relative(folder, file), await readFile(file));
  }
  return found;
}

let stale = 0;
for (const page of pages) {
  const to = path.join(here, page.to);
  const files = await built(page);
  if (process.argv.includes("--check")) {
    const present = await committed(to);
    for (const name of new Set([...files.keys(), ...present.keys()])) {
      if (!files.get(name)?.equals(present.get(name) ?? Buffer.alloc(0))) {
        console.error(`${path.join(page.to, name).slice(3)} is not what web/${page.from} builds; run make web`);
        stale += 1;
      }
    }
    continue;
  }
  await rm(to, { recursive: true, force: true });
  await mkdir(path.join(to, "assets"), { recursive: true });
  for (const [name, bytes] of files) await writeFile(path.join(to, name), bytes);
}
process.exitCode = stale ? 1 : 0;

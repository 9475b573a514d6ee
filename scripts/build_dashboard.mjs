// Builds the dashboard: `npm run build`; `npm run watch` builds again after each change.
//
// From api/dashboard into api/dashboard_dist: one script and one stylesheet, whose names carry a hash of their
// content, so that browsers may keep them; and index.html, which names them.

import { mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = join(ROOT, "api", "dashboard");
const BUILT = join(ROOT, "api", "dashboard_dist");
/** The files that index.html names; all others are imported by these. */
const ENTRIES = ["main.js", "main.css", "icon.svg"];

const OPTIONS = {
  absWorkingDir: ROOT,
  entryPoints: ENTRIES.map((name) => join(SOURCES, name)),
  outdir: BUILT,
  entryNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  target: "es2023",
  minify: true,
  sourcemap: true,
  loader: { ".svg": "copy" },
  // Comments are left out: the licences lie beside the script, which names their file.
  legalComments: "none",
  banner: { js: "/*! Licences of the packages in this file: LICENSES.txt */" },
  charset: "utf8",
  metafile: true,
  write: false,
  logLevel: "warning",
  plugins: [{ name: "write", setup: (build) => build.onEnd(write) }],
};

/** Write what was built. index.html goes last: until then the old page finds its old files. */
async function write({ errors, outputFiles, metafile }) {
  if (errors.length) return;
  const page = await pageNaming(metafile.outputs);
  const licences = await licencesOf(Object.keys(metafile.inputs));
  await mkdir(BUILT, { recursive: true });
  for (const { path, contents } of outputFiles) await writeFile(path, contents);
  await writeFile(join(BUILT, "LICENSES.txt"), licences);
  await writeFile(join(BUILT, "index.html.new"), page);
  await rename(join(BUILT, "index.html.new"), join(BUILT, "index.html"));
  const kept = new Set(["index.html", "LICENSES.txt", ...outputFiles.map(({ path }) => relative(BUILT, path))]);
  for (const name of await readdir(BUILT)) if (!kept.has(name)) await rm(join(BUILT, name), { recursive: true });
}

/** The page, with the hashed names in place of those of the sources. */
async function pageNaming(outputs) {
  let page = await readFile(join(SOURCES, "index.html"), "utf8");
  for (const [path, { entryPoint }] of Object.entries(outputs)) {
    // A map of the script is an output without an entry.
    if (!entryPoint) continue;
    const named = `"${relative(SOURCES, resolve(ROOT, entryPoint))}"`;
    if (!page.includes(named)) throw new Error(`api/dashboard/index.html does not name ${named}.`);
    // Relative: a proxy may put a prefix before every path.
    page = page.replaceAll(named, `"dashboard/${relative(BUILT, resolve(ROOT, path))}"`);
  }
  return page;
}

/** The licences of all packages that a file of the build comes from. */
async function licencesOf(inputs) {
  const names = inputs.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  const texts = [...new Set(names.filter(Boolean))].sort().map(async (name) => {
    const folder = join(ROOT, "node_modules", name);
    const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    return `${name} ${version}\n\n${await readFile(join(folder, "LICENSE"), "utf8")}`;
  });
  return (await Promise.all(texts)).join("\n\n");
}

try {
  if (process.argv.includes("--watch")) await (await esbuild.context(OPTIONS)).watch();
  else await esbuild.build(OPTIONS);
} catch (error) {
  // esbuild has already shown its own errors, with the line they are about.
  if (!error.errors) console.error(error.message);
  process.exitCode = 1;
}

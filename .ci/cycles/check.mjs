// `npm run check -- cycles` finds import cycles between packages, and between folders of a package. It skips tests,
// their helpers, and each `index.ts`, which only re-exports.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { findCycles } from './find-cycles.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const forTests = /\.test\.ts$|\/(?:testing|fixtures|conformance)\/|\/conformance\.ts$/;

const packages = ['libs', 'services'].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => `${group}/${name}`),
);
const packageOf = new Map(
  packages.map((path) => [JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).name, path]),
);
const betweenPackages = [];
let isCyclic = false;
for (const path of packages) {
  const betweenFolders = [];
  for (const file of sourcesOf(path)) {
    for (const imported of importsOf(file)) {
      const importer = dirname(file);
      const target = imported.startsWith('.') ? dirname(join(importer, imported)) : importer;
      if (target !== importer) betweenFolders.push({ from: importer, to: target, because: `${file}: ${imported}` });
      const other = packageOf.get(imported.split('/', 2).join('/'));
      if (other !== undefined && other !== path)
        betweenPackages.push({ from: path, to: other, because: `${file}: ${imported}` });
    }
  }
  report('folders', betweenFolders);
}
report('packages', betweenPackages);
if (isCyclic) process.exitCode = 1;

function report(kind, edges) {
  for (const { members, edges: between } of findCycles(edges)) {
    isCyclic = true;
    process.stderr.write(`✖ ${kind} form an import cycle: ${members.join(', ')}\n`);
    for (const { because } of between) process.stderr.write(`    ${because}\n`);
  }
}

function sourcesOf(path) {
  return readdirSync(join(root, path, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => `${path}/src/${file}`)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('/index.ts') && !forTests.test(file));
}

function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const { module } = parseSync(file, text);
  const requests = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.map(({ moduleRequest }) => moduleRequest?.value)),
    ...module.dynamicImports.map(({ moduleRequest: { start, end } }) => text.slice(start + 1, end - 1)),
  ];
  return new Set(requests.filter((request) => request !== undefined && !forTests.test(request)));
}

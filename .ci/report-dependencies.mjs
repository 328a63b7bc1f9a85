// `npm run check -- dependencies`: what is depended on, under which licences, whether shipped packages
// are pinned by a hash, and whether any has known weaknesses.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// Those that ask for no more than a notice, as whole expressions: a choice among several is decided here.
const allowed = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  '(BSD-3-Clause OR GPL-2.0)',
];
// What is only run, and neither changed nor passed on, may ask for its own changes to stay open.
const allowedForDevelopment = [...allowed, 'MPL-2.0'];

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const dependencies = Object.entries(packages)
  .filter(([path, { link }]) => path.includes('node_modules/') && !link)
  .map(([path, entry]) => ({ name: path.slice(path.lastIndexOf('node_modules/') + 13), path, ...entry }));

/** Builds for single platforms often leave their licence to the package that chooses among them. */
function licenceOf({ name, license }) {
  return license ?? dependencies.find(({ optionalDependencies }) => optionalDependencies?.[name])?.license;
}

const byLicence = new Map();
for (const dependency of dependencies) {
  const licence = licenceOf(dependency) ?? 'unknown';
  byLicence.set(licence, [...(byLicence.get(licence) ?? []), dependency]);
}
for (const [licence, those] of [...byLicence].sort(([, a], [, b]) => b.length - a.length)) {
  const shipped = those.filter(({ dev }) => !dev).length;
  const development = those.length - shipped;
  process.stdout.write(`${licence.padEnd(16)} ${shipped} shipped, ${development} for development\n`);
}

const problems = dependencies.flatMap((dependency) => {
  const licence = licenceOf(dependency);
  if ((dependency.dev ? allowedForDevelopment : allowed).includes(licence)) return [];
  return [
    `${dependency.name} ${dependency.version} has the licence ${licence ?? '(none)'}; allowed are ${allowed.join(', ')}`,
  ];
});
// `npm ci` takes whatever the registry gives for an entry without a hash.
for (const { name, version, dev, integrity } of dependencies)
  if (!dev && integrity === undefined)
    problems.push(`${name} ${version} has no hash in package-lock.json, and is run: npm run lock adds it`);
problems.push(...knownWeaknesses());
for (const problem of problems) process.stderr.write(`✖ ${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

function knownWeaknesses() {
  const patience = ['--fetch-retries=0', '--fetch-timeout=20000'];
  const { stdout } = spawnSync('npm', ['audit', '--json', ...patience], { encoding: 'utf8', timeout: 60_000 });
  const { vulnerabilities, message = 'no answer' } = parsed(stdout);
  if (vulnerabilities === undefined) {
    // Mirrors of the registry often have no advisories, and a check must work without a network.
    process.stdout.write(`known weaknesses: NOT CHECKED, the registry gives no advisories (${message})\n`);
    return [];
  }
  const found = Object.values(vulnerabilities).map(
    ({ name, severity, range }) => `${name} ${range} is known to be vulnerable (${severity}): npm audit`,
  );
  if (found.length === 0) process.stdout.write('known weaknesses: none\n');
  return found;
}

function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

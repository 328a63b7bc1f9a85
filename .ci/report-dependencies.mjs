// `npm run check -- dependencies` reports the dependencies and their licences. It checks that shipped packages are
// pinned by a hash, and that none has known vulnerabilities.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// Licences that require only a notice, as whole expressions: a choice among several is decided here.
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
// Tools that are only run, and neither changed nor distributed, may require that changes to them stay open.
const allowedForDevelopment = [
  ...allowed,
  'MPL-2.0',
  'Python-2.0',
  'CC-BY-3.0',
  '(MIT OR WTFPL)',
  '(BSD-2-Clause OR MIT OR Apache-2.0)',
];

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const dependencies = Object.entries(packages)
  .filter(([path, { link }]) => path.includes('node_modules/') && !link)
  .map(([path, entry]) => ({ name: path.slice(path.lastIndexOf('node_modules/') + 13), path, ...entry }));

/** Packages for single platforms often have no licence field. The package that selects them has it. */
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
// For an entry without a hash, `npm ci` installs any file of the registry.
for (const { name, version, dev, integrity } of dependencies)
  if (!dev && integrity === undefined)
    problems.push(`${name} ${version} has no hash in package-lock.json but is shipped. Run "npm run lock" to add it.`);
problems.push(...knownWeaknesses());
for (const problem of problems) process.stderr.write(`✖ ${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

function knownWeaknesses() {
  const patience = ['--fetch-retries=0', '--fetch-timeout=20000'];
  const { stdout } = spawnSync('npm', ['audit', '--json', ...patience], { encoding: 'utf8', timeout: 60_000 });
  const { vulnerabilities, message = 'no answer' } = parsed(stdout);
  if (vulnerabilities === undefined) {
    // Mirrors of the registry often have no advisories, and a check must work without a network.
    process.stdout.write(`known vulnerabilities: NOT CHECKED, the registry has no advisories (${message})\n`);
    return [];
  }
  const found = Object.values(vulnerabilities).map(
    ({ name, severity, range }) => `${name} ${range} is known to be vulnerable (${severity}). Run "npm audit".`,
  );
  if (found.length === 0) process.stdout.write('known vulnerabilities: none\n');
  return found;
}

function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

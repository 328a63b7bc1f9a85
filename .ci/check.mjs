// `npm run check` runs all checks in parallel, with their times and the output of the failed ones. `npm run check --
// types lint` runs some of them; further arguments go to a check that is named alone. It imports only `node:`.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Commands, with the binaries of `node_modules` on the path. The slow ones start first. */
const checks = {
  types: 'tsc --noEmit && tsc --noEmit --project services/admin/src/console/page',
  lint: 'oxlint --type-aware --deny-warnings',
  language: 'node .ci/language/check.mjs',
  format: 'oxfmt --check .',
  boundaries: 'TURBO_TELEMETRY_DISABLED=1 turbo boundaries',
  cycles: 'node .ci/cycles/check.mjs',
  dead: 'knip',
  docs: 'node .ci/docs/docs.mjs --check',
  dependencies: 'node .ci/report-dependencies.mjs',
};

const given = process.argv.slice(2);
const names = given.filter((name) => name in checks);
const options = given.filter((name) => !(name in checks));
if (options.length > 0 && names.length !== 1) {
  process.stderr.write(`No check is called ${options.join(', ')}. The checks are ${Object.keys(checks).join(', ')}.\n`);
  process.exit(2);
}
const results = await Promise.all((names.length > 0 ? names : Object.keys(checks)).map(run));
process.exitCode = results.every((passed) => passed) ? 0 : 1;

async function run(name) {
  const startedMs = performance.now();
  const command = [checks[name], ...options].join(' ');
  const child = spawn(command, { cwd: root, shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const code = await new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', resolve);
  });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n`);
  if (code !== 0 || names.length === 1) process.stdout.write(Buffer.concat(output));
  if (code !== 0 && names.length !== 1) process.stdout.write(`Run it alone: npm run check -- ${name}\n`);
  return code === 0;
}

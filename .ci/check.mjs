// `npm run check`: all checks at once, each with its time; the output of those that failed. Imports nothing but `node:`.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
// The slow ones begin first.
const checks = Object.keys(scripts).filter((name) => name.startsWith('check:'));

const results = await Promise.all(checks.map(run));
process.exitCode = results.every((passed) => passed) ? 0 : 1;

async function run(name) {
  const startedMs = performance.now();
  const child = spawn('npm', ['run', '--silent', name], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const code = await new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', resolve);
  });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${code === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n`);
  if (code !== 0) process.stdout.write(`${Buffer.concat(output).toString()}Alone: npm run ${name}\n`);
  return code === 0;
}

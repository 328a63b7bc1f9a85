// Simulates a day with Docker Hub's limit, prints the results and draws them. Exits with 1 if the cache breaks a
// promise.
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { plotBudget } from './plot-budget.ts';
import { type BudgetResult, type BudgetSimulation, simulateBudget } from './simulate-budget.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    hours: { type: 'string', default: '24' },
    images: { type: 'string', default: '150' },
    pulls: { type: 'string', default: '50' },
    limit: { type: 'string', default: '100' },
    ttl: { type: 'string', default: '60' },
    out: { type: 'string', default: 'budget.svg' },
  },
});
const options: BudgetSimulation = {
  seed: Number(values.seed),
  hours: Number(values.hours),
  images: Number(values.images),
  pullsPerMinute: Number(values.pulls),
  pullsPerWindow: Number(values.limit),
  ttlMs: Number(values.ttl) * 1000,
};
for (const [name, value] of Object.entries(options))
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} must be a number of at least 0`);

const result = await simulateBudget(options);
await writeFile(values.out, plotBudget(options, result));
process.stdout.write(`${describe(options, result)}\n\nThe picture is ${values.out}.\n`);
if (result.total.refusedCached > 0 || result.total.failed > 0 || result.manifestGets > result.digestsSeen)
  process.exitCode = 1;

function describe(given: BudgetSimulation, { total, ...counts }: BudgetResult): string {
  const rows = [
    ['simulated hours', given.hours],
    ['pulls that Docker Hub allows in six hours', given.pullsPerWindow],
    ['pulls by clients', counts.pulls],
    ['  served fresh', total.fresh],
    ['  served stale', total.stale],
    ['  refused, not cached', total.refusedCold],
    ['  refused, although cached', total.refusedCached],
    ['  failed otherwise', total.failed],
    ['manifest GETs of Docker Hub', counts.manifestGets],
    ['manifest HEADs of Docker Hub', counts.manifestHeads],
    ['429 responses by Docker Hub', counts.upstreamRefusals],
    ['digests seen', counts.digestsSeen],
  ] as const;
  return rows.map(([name, value]) => `${name.padEnd(44)}${String(value).padStart(8)}`).join('\n');
}

// Runs `npm run bench -- --against <commit>`: compares the work tree with another commit, on this machine and in one
// run.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ensureDebianPackages } from '@cistern/test-servers';
import { openSite } from '../contenders/open-site.ts';
import type { Options } from '../options.ts';
import { describeMachine } from '../report/describe-machine.ts';
import { chooseWorkloads, keepRunnable } from '../workloads/choose-workloads.ts';
import { workloads } from '../workloads/workloads.ts';
import { looks } from './judge.ts';
import { judgeWorkloads, needsMoreRounds } from './judge-workloads.ts';
import { measureTurns, ownKinds } from './measure-turns.ts';
import { openCheckout } from './open-checkout.ts';
import { describeWorkTree, resolveCommit } from './resolve-commit.ts';
import { verdictLines, verdictTables } from './verdict-tables.ts';

const repository = resolve(import.meta.dirname, '../../../..');

/** Prints figures and verdicts. Resolves to the exit code: 1 if a workload is slower or returned wrong bytes. */
export async function compare(against: string, options: Options, print: (text: string) => void): Promise<number> {
  const { rounds, seconds, isFull, only, json } = options;
  const chosen = await keepRunnable(chooseWorkloads(workloads, options), options, print);
  const alien = chosen.filter((workload) => ownKinds(workload).length === 0).map(({ name }) => name);
  if (only.length > 0 && alien.length > 0)
    throw new Error(
      `${alien.join(', ')} does not start Cistern and cannot be compared with another commit. Leave it out of --only.`,
    );
  const commit = await resolveCommit(repository, against);
  const workTree = await describeWorkTree(repository);
  await ensureDebianPackages(['wrk']);

  await using ends = new AsyncDisposableStack();
  const checkout = ends.adopt(await openCheckout({ repository, commit, print }), (opened) => opened.close());
  const site = await openSite(ends);
  const old = { ...site, checkout: checkout.root };
  const compared = await measureTurns(chosen, {
    sites: { old, new: site, again: old },
    rounds,
    looks,
    needsMoreRounds,
    seconds,
    isFull,
    print,
  });

  const machine = describeMachine();
  const verdicts = judgeWorkloads(compared);
  const failures = compared.flatMap(({ failure }) => failure ?? []);
  const about = `${machine}; old: ${against} (${commit.slice(0, 10)}), new: work tree (${workTree}); ${rounds} to ${looks * rounds} rounds of ${seconds} s.
Ratios below 1 are worse; the interval is two standard errors; A/A is old to old.`;
  process.stdout.write(`${about}\n\n${verdictTables(verdicts)}\n${verdictLines(verdicts)}`);
  if (json !== undefined) {
    const all = verdicts.map(({ compared: { workload, kind, rounds: turns }, outcome, figures }) => {
      return { workload: workload.name, contender: kind.name, outcome, figures, rounds: turns };
    });
    const text = { machine, old: commit, new: workTree, rounds, seconds, failures, verdicts: all };
    await writeFile(json, `${JSON.stringify(text, null, 2)}\n`);
  }
  if (failures.length > 0) process.stderr.write(`Errors or wrong bytes:\n  ${failures.join('\n  ')}\n`);
  return failures.length > 0 || verdicts.some(({ outcome }) => outcome === 'slower') ? 1 : 0;
}

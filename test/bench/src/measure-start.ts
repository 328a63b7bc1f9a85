// From nothing to the first answer, and what a contender that has done nothing yet takes.
import { setTimeout as delay } from 'node:timers/promises';
import { contenders, type ContenderName } from './contenders.ts';
import { residentBytes } from './process-figures.ts';
import type { Rounds } from './measure.ts';
import type { Figure } from './workloads.ts';

export interface MeasureStartOptions {
  readonly names: readonly ContenderName[];
  readonly upstreamUrl: string;
  readonly rounds: number;
  readonly say: (text: string) => void;
}

const settleMs = 1000;

export async function measureStart({ names, upstreamUrl, rounds, say }: MeasureStartOptions): Promise<Rounds> {
  const results = new Map<ContenderName, (readonly Figure[])[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      say(`start, round ${round + 1}/${rounds}: ${name}`);
      const startedAtMs = performance.now();
      const contender = await contenders[name].start(upstreamUrl);
      try {
        const answer = await fetch(`${contender.url}/v2/`);
        await answer.arrayBuffer();
        const tookMs = performance.now() - startedAtMs;
        await delay(settleMs);
        results.get(name)?.push([
          { name: 'first answer ms', value: tookMs, better: 'lower' },
          { name: 'idle RSS MB', value: residentBytes(contender.pids, 'VmRSS') / 1e6, better: 'lower' },
        ]);
      } finally {
        await contender.close();
      }
    }
  return results;
}

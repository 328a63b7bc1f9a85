// Measures the time from the start to the first response, and the memory of an idle contender.
// real-time: a benchmark measures how long a start takes
import { setTimeout as delay } from 'node:timers/promises';
import type { ContenderKind } from '../contenders/contender.ts';
import { cistern, dockerRegistry, nginx } from '../contenders/contenders.ts';
import { startOneCistern } from '../contenders/start-one-cistern.ts';
import { residentBytes } from '../load/process-figures.ts';
import type { Workload } from './workload.ts';

const settleMs = 1000;
/** The others load a module that reports allocations. */
const bareCistern: ContenderKind = { ...cistern, start: (site) => startOneCistern(site, { isReporting: false }) };

export const start: Workload = {
  name: 'start',
  title: 'Start to first response, and idle memory',
  headline: 'first answer ms',
  mode: 'quick',
  contenders: [bareCistern, dockerRegistry, nginx],
  async run({ kind, site }) {
    const startedAtMs = performance.now();
    const contender = await kind.start(site);
    try {
      const answer = await fetch(`${contender.url}/v2/`);
      await answer.arrayBuffer();
      const tookMs = performance.now() - startedAtMs;
      await delay(settleMs);
      return [
        { name: 'first answer ms', value: tookMs, better: 'lower' },
        { name: 'idle RSS MB', value: residentBytes(contender.pids, 'VmRSS') / 1e6, better: 'lower' },
      ];
    } finally {
      await contender.close();
    }
  },
};

// Faults of single nodes that the others do not share: no connection to upstreams, or a wrong wall clock.
import type { Weather } from '../../cluster/cluster-weather.ts';
import { pause } from '../../cluster/pause.ts';
import { clockSkewsMs } from '../../world/clock.ts';
import type { Act, FaultyCluster } from '../apply-faults.ts';
import { type FaultKind, isPermanent } from '../fault-plan.ts';

export interface NodeActsOptions {
  readonly cluster: FaultyCluster;
  readonly weather: Weather;
  /** The name of the process that all upstreams run in. */
  readonly upstream: string;
  readonly trace: (text: string) => void;
}

/** How new connections fail. Undefined means that they hang. Open connections always hang. */
const failures = [undefined, 'ENETUNREACH', 'EHOSTUNREACH', 'EAI_AGAIN', undefined];
const skewsMs = [3_600_000, -3_600_000, 120_000, -120_000];

export function createNodeActs({
  cluster,
  weather,
  upstream,
  trace,
}: NodeActsOptions): Partial<Record<FaultKind, Act>> {
  return {
    async 'worker without network'({ kind, target, other, lastsMs }) {
      const { name } = cluster.workers[target % cluster.workers.length]!;
      const [out, back] = [`${name} ${upstream}`, `${upstream} ${name}`];
      const failure = failures[other % failures.length];
      trace(`${kind}: ${name}, ${failure ?? 'connections hang'}`);
      weather.cut.add(out).add(back);
      if (failure !== undefined) weather.refused.set(out, failure);
      await pause(lastsMs);
      weather.refused.delete(out);
      weather.cut.delete(out);
      weather.cut.delete(back);
      trace(`${kind} is over: ${name}`);
    },
    async 'skewed clock'(fault) {
      const { kind, target, other, lastsMs } = fault;
      const nodes = [...cluster.workers, ...cluster.frontends];
      const { name } = nodes[target % nodes.length]!;
      const skewMs = skewsMs[other % skewsMs.length]!;
      trace(`${kind}: ${name} by ${skewMs} ms`);
      clockSkewsMs.set(name, skewMs);
      if (isPermanent(fault)) return;
      await pause(lastsMs);
      clockSkewsMs.delete(name);
      trace(`${kind} is over: ${name}`);
    },
  };
}

// Outages of a cluster's S3 server: it dies, hangs, loses its connection to one process, or handles requests wrongly.
import type { Weather } from '../cluster/cluster-weather.ts';
import type { FaultyCluster } from './apply-faults.ts';
import type { SimulatedS3 } from '../s3/start-simulated-s3.ts';
import type { S3FaultKind } from '../s3/s3-faults.ts';
import type { PlannedFault } from './fault-plan.ts';

export interface Harm {
  readonly name: string;
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

const requestHarms: readonly S3FaultKind[] = ['refused', 'silent', 'lost', 'unheard', 'torn', 'slow'];

/** The fault's `other` selects the harm, and its `degree` the severity. */
export function harmOf(
  { target, other, degree }: PlannedFault,
  s3: SimulatedS3,
  { workers, frontends }: FaultyCluster,
  weather: Weather,
): Harm {
  const processes = [...workers, ...frontends];
  const { name } = processes[target % processes.length]!;
  const ways = [`${name} ${s3.name}`, `${s3.name} ${name}`];
  const harms: readonly Harm[] = [
    { name: 'dies', begin: s3.kill, end: s3.restart },
    { name: 'hangs', begin: s3.freeze, end: s3.wake },
    {
      name: `cut off from ${name}`,
      begin: () => ways.forEach((way) => weather.cut.add(way)),
      end: () => ways.forEach((way) => weather.cut.delete(way)),
    },
    ...requestHarms.map((kind) => ({
      name: `requests ${kind}`,
      begin() {
        s3.faults[kind] = degree > 0.5 ? 1 : degree;
      },
      end() {
        s3.faults[kind] = 0;
      },
    })),
  ];
  return harms[other % harms.length]!;
}

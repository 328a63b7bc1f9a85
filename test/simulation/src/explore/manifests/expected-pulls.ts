// The pulls that must succeed although the run has faults, because the faults harm only a part of the cluster.
import type { PlannedFault } from '../fault-plan.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import type { ClusterFile } from './cluster-file.ts';
import { isSmallSpool } from './draw-spool.ts';
import { boundedFaults } from './manifest-faults.ts';
import type { Purges } from './purges.ts';
import { harmedBy } from './repository-acts.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

/** Longest wait for a status if nothing delays the request. It includes the wait for a lost index. */
const promptMs = 5_000;
/** If a worker loses its network, a body in flight resumes after `timeouts.body` and three attempts. */
const resumedMs = 20_000;

export interface ExpectedPullsOptions {
  readonly faults: readonly PlannedFault[];
  readonly repositories: readonly SimulatedRepository[];
  readonly purges: Pick<Purges, 'hasBegun'>;
  /** The size of the store. In a store with a limit, a fill may wait for space. */
  readonly maxBytes: number;
  readonly spool: ClusterFile['spool'];
}

type Pulled = Parameters<ScenarioFacts['mustServe']>[0];

export function expectedPulls(options: ExpectedPullsOptions): Pick<ScenarioFacts, 'mustServe' | 'patienceMs'> {
  const { faults, repositories, purges, maxBytes, spool } = options;
  const isBounded = faults.every(({ kind }) => boundedFaults.has(kind));
  const hasLoss = faults.some(({ kind }) => kind === 'worker without network');
  const harmed = harmedBy(faults, repositories);
  /**
   * True if no worker may be able to fetch: one has no network, and slow fetches fill the spool of the other. Each passes
   * the job on, and the failure of the last one counts.
   */
  const canLackWorkers = hasLoss && isSmallSpool(spool);
  /** True if a reader of the blob can have joined a fetch from a harmed repository. */
  const isShared = (reference: string) => harmed.some(({ blobs }) => blobs.has(reference));
  /**
   * True if content can be stuck. A manifest that was fetched during a purge must be removed before it is fetched
   * again.
   */
  const isStuck = () => purges.hasBegun && faults.some(({ kind }) => kind === 'undeletable objects');
  /** True if the repository can get the blob only from another repository, and that one is harmed. */
  const isLent = ({ repository, reference }: Pulled) => isShared(reference) && !repository.blobs.has(reference);
  const mustServe = (request: Pulled) =>
    isBounded && !canLackWorkers && !harmed.includes(request.repository) && !isLent(request) && !isStuck();
  return {
    mustServe,
    patienceMs(request) {
      if (!mustServe(request) || maxBytes !== Infinity || isShared(request.reference)) return Infinity;
      return request.kind === 'blobs' && hasLoss ? resumedMs : promptMs;
    },
  };
}

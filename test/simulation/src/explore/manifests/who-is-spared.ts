// The pulls that have to succeed although a run has faults, which harm only a part of the cluster.
import type { PlannedFault } from '../fault-plan.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import { boundedFaults } from './manifest-faults.ts';
import type { Purges } from './purges.ts';
import { harmedBy } from './repository-acts.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

/** An index that was lost is waited for. */
const promptMs = 5_000;

export interface SparedOptions {
  readonly faults: readonly PlannedFault[];
  readonly repositories: readonly SimulatedRepository[];
  readonly purges: Pick<Purges, 'count'>;
  /** Whether the store may be too small. A fill then waits for room. */
  readonly isSmall: boolean;
}

export function whoIsSpared(options: SparedOptions): Pick<ScenarioFacts, 'mustServe' | 'patienceMs'> {
  const { faults, repositories, purges, isSmall } = options;
  const isBounded = faults.every(({ kind }) => boundedFaults.has(kind));
  const harmed = harmedBy(faults, repositories);
  /** A reader of it may have joined a fetch from the repository that is slow. */
  const isShared = (reference: string) => harmed.some(({ blobs }) => blobs.has(reference));
  /** A manifest that was fetched beside a purge is removed, and then fetched again. */
  const isStuck = () => purges.count > 0 && faults.some(({ kind }) => kind === 'undeletable objects');
  const mustServe = (repository: SimulatedRepository) => isBounded && !harmed.includes(repository) && !isStuck();
  return {
    mustServe,
    patienceMs: ({ repository, reference }) =>
      mustServe(repository) && !isSmall && !isShared(reference) ? promptMs : Infinity,
  };
}

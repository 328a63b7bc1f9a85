// Makes a repository slow or broken at its upstream, while the upstream's other repositories work.
import type { FakeUpstream } from '@cistern/fake-upstream';
import { pause } from '../../cluster/pause.ts';
import type { Act } from '../apply-faults.ts';
import type { FaultKind, PlannedFault } from '../fault-plan.ts';
import type { SimulatedRepository } from './image-catalog.ts';

type Matcher = Parameters<FakeUpstream['addFault']>[0];
type Fault = Parameters<FakeUpstream['addFault']>[1];

const leastBytesPerSecond = 20_000;
const mostBytesPerSecond = 100_000;
const statuses = [500, 502, 503, 504];
/** Undefined means all requests for the repository. */
const brokenEndpoints = [undefined, 'manifest', 'blob', 'referrers'] as const;

export function createRepositoryActs(
  repositories: readonly SimulatedRepository[],
  trace: (text: string) => void,
): Partial<Record<FaultKind, Act>> {
  const harm =
    (matcherOf: (planned: PlannedFault) => Matcher, faultOf: (planned: PlannedFault) => Fault) =>
    async (planned: PlannedFault) => {
      const { upstream, name, fullName } = repositoryOf(planned, repositories);
      const fault = faultOf(planned);
      trace(`${planned.kind}: ${fullName} ${JSON.stringify(fault)}`);
      const added = upstream.addFault({ ...matcherOf(planned), repository: name }, fault);
      await pause(planned.lastsMs);
      added.remove();
      trace(`${planned.kind} is over after ${added.hits()} requests`);
    };
  return {
    'slow repository': harm(
      () => ({}),
      ({ degree }) => ({
        bytesPerSecond: Math.round(leastBytesPerSecond + degree * (mostBytesPerSecond - leastBytesPerSecond)),
      }),
    ),
    'broken repository': harm(
      (planned) => {
        const endpoint = brokenEndpoint(planned);
        return endpoint === undefined ? {} : { endpoint };
      },
      ({ degree }) => ({ status: statuses[Math.floor(degree * statuses.length)]! }),
    ),
  };
}

function brokenEndpoint({ other }: PlannedFault) {
  return brokenEndpoints[other % brokenEndpoints.length];
}

function repositoryOf({ target }: PlannedFault, repositories: readonly SimulatedRepository[]): SimulatedRepository {
  return repositories[target % repositories.length]!;
}

const kinds: ReadonlySet<FaultKind> = new Set(['slow repository', 'broken repository']);
const isOfReferrers = (fault: PlannedFault) =>
  fault.kind === 'broken repository' && brokenEndpoint(fault) === 'referrers';

/** The repositories that are slow or broken in some way at some time of the run. */
export function crowdedBy(faults: readonly PlannedFault[], repositories: readonly SimulatedRepository[]) {
  return faults.filter(({ kind }) => kinds.has(kind)).map((fault) => repositoryOf(fault, repositories));
}

/** The repositories whose content is slow or cannot be fetched. */
export function harmedBy(faults: readonly PlannedFault[], repositories: readonly SimulatedRepository[]) {
  return crowdedBy(
    faults.filter((fault) => !isOfReferrers(fault)),
    repositories,
  );
}

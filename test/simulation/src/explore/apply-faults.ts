// Applies each planned fault at its time, or at its event of the process that it hits.
import type { Weather } from '../cluster/cluster-weather.ts';
import type { SharedIndex } from '../cluster/shared-index.ts';
import type { SimulatedQueue } from '../cluster/simulated-queue.ts';
import type { ControlledProcess } from '../cluster/start-process.ts';
import type { SimulatedS3 } from '../s3/start-simulated-s3.ts';
import { plan, schedule } from '../world/schedule.ts';
import type { FaultKind, PlannedFault } from './fault-plan.ts';
import { harmOf } from './harm-s3.ts';

/** The parts of a cluster that faults can hit. */
export interface FaultyCluster {
  readonly workers: readonly ControlledProcess[];
  readonly frontends: readonly ControlledProcess[];
  readonly store: { readonly s3: SimulatedS3 | undefined };
  readonly shared: SharedIndex;
  readonly jobs: Pick<SimulatedQueue, 'loseData'>;
}

export interface FaultTargets {
  readonly cluster: FaultyCluster;
  readonly weather: Weather;
  /** Further faults that only one scenario has. Each resolves when it is over. */
  readonly own?: Partial<Record<FaultKind, Act>>;
  readonly damage: (degree: number) => void;
  readonly trace: (text: string) => void;
  readonly problem: (text: string) => void;
}

export interface AppliedFaults {
  /** Faults after which other processes had to take over, or that damaged data. */
  readonly takeOvers: number;
  readonly losses: number;
  /** Starts no more faults. Resolves when the running ones are over. */
  end(): Promise<void>;
}

export type Act = (fault: PlannedFault) => Promise<void>;

export function applyFaults(faults: readonly PlannedFault[], targets: FaultTargets): AppliedFaults {
  const { cluster, weather, damage, trace, problem, own } = targets;
  const busy = new Set<ControlledProcess>();
  const running = new Set<Promise<void>>();
  const counts = { takeOvers: 0, losses: 0 };
  let isOver = false;

  const workerOf = ({ target }: PlannedFault) => cluster.workers[target % cluster.workers.length]!;
  const frontendOf = ({ other }: PlannedFault) => cluster.frontends[other % cluster.frontends.length]!;

  /** Only one fault at a time applies to a process. */
  const alone = async (process: ControlledProcess, fault: PlannedFault, act: () => Promise<void>) => {
    if (busy.has(process)) return;
    busy.add(process);
    trace(`${fault.kind}: ${process.name}`);
    counts.takeOvers += 1;
    await act();
    trace(`${fault.kind} is over: ${process.name}`);
    busy.delete(process);
  };

  const during = async (fault: PlannedFault, begin: () => void, end: () => void) => {
    trace(fault.kind);
    begin();
    await pause(fault.lastsMs);
    end();
    trace(`${fault.kind} is over`);
  };

  const acts: Partial<Record<FaultKind, Act>> = {
    'kill worker': (fault) =>
      alone(workerOf(fault), fault, async () => {
        await workerOf(fault).kill();
        await pause(fault.lastsMs);
        await workerOf(fault).restart();
      }),
    'kill frontend': (fault) =>
      alone(frontendOf(fault), fault, async () => {
        await frontendOf(fault).kill();
        await pause(fault.lastsMs);
        await frontendOf(fault).restart();
      }),
    'freeze worker': (fault) =>
      alone(workerOf(fault), fault, async () => {
        workerOf(fault).freeze();
        await pause(fault.lastsMs);
        workerOf(fault).wake();
      }),
    'terminate worker': (fault) =>
      alone(workerOf(fault), fault, async () => {
        await workerOf(fault).terminate(fault.degree * 1_500);
        await pause(fault.lastsMs);
        await workerOf(fault).restart();
      }),
    'terminate frontend': (fault) =>
      alone(frontendOf(fault), fault, async () => {
        await frontendOf(fault).terminate(fault.degree * 1_500);
        await pause(fault.lastsMs);
        await frontendOf(fault).restart();
      }),
    'freeze frontend': (fault) =>
      alone(frontendOf(fault), fault, async () => {
        frontendOf(fault).freeze();
        await pause(fault.lastsMs);
        frontendOf(fault).wake();
      }),
    'cut link': (fault) => {
      const pair = [frontendOf(fault).name, workerOf(fault).name] as const;
      const ways = [pair.join(' '), pair.toReversed().join(' ')];
      counts.takeOvers += 1;
      const cut = () => ways.forEach((way) => weather.cut.add(way));
      const repair = () => ways.forEach((way) => weather.cut.delete(way));
      return during(fault, cut, repair);
    },
    'index away': (fault) => {
      counts.takeOvers += 1;
      return during(
        fault,
        () => (weather.indexFails = fault.degree > 0.5 ? 1 : fault.degree),
        () => (weather.indexFails = 0),
      );
    },
    'index lost': async (fault) => {
      trace(fault.kind);
      counts.losses += 1;
      // The queue and the index are one server, so both lose their data.
      cluster.shared.loseData();
      cluster.jobs.loseData();
    },
    'store away': (fault) => {
      const { s3 } = cluster.store;
      if (s3 === undefined)
        return during(
          fault,
          () => (weather.storeFails = fault.degree > 0.5 ? 1 : fault.degree),
          () => (weather.storeFails = 0),
        );
      const harm = harmOf(fault, s3, cluster, weather);
      return alone(s3, fault, async () => {
        trace(`s3: ${harm.name}`);
        await harm.begin();
        await pause(fault.lastsMs);
        await harm.end();
      });
    },
    'damage stored': async (fault) => {
      trace(fault.kind);
      counts.takeOvers += 1;
      damage(fault.degree);
    },
    'announcements lost': (fault) =>
      during(
        fault,
        () => (weather.losesMessages = fault.degree),
        () => (weather.losesMessages = 0),
      ),
    ...own,
  };

  const begin = (fault: PlannedFault) => {
    const act = acts[fault.kind];
    if (isOver || act === undefined) return;
    const happen = async () => {
      try {
        await act(fault);
      } catch (error) {
        problem(`${fault.kind}: ${String(error)}`);
      }
      running.delete(done);
    };
    const done = happen();
    running.add(done);
  };

  const waiting = new Map<string, { fault: PlannedFault; left: number }[]>();
  for (const fault of faults) {
    if ('ms' in fault.at)
      plan(fault.at.ms, () => begin(fault), { owner: undefined, label: fault.kind, keepsAlive: false });
    else {
      const { name } = fault.kind.endsWith('frontend') ? frontendOf(fault) : workerOf(fault);
      waiting.set(name, [...(waiting.get(name) ?? []), { fault, left: fault.at.event }]);
    }
  }
  if (waiting.size > 0)
    schedule.listeners.onEvent = ({ owner }) => {
      for (const one of waiting.get(owner?.name ?? '') ?? []) {
        one.left -= 1;
        if (one.left === 0) plan(0, () => begin(one.fault), { owner: undefined, label: one.fault.kind });
      }
    };

  return {
    get takeOvers() {
      return counts.takeOvers;
    },
    get losses() {
      return counts.losses;
    },
    async end() {
      isOver = true;
      while (running.size > 0) await Promise.all(running);
    },
  };
}

const pause = (delayMs: number) =>
  new Promise<void>((resolve) => plan(delayMs, resolve, { owner: undefined, label: 'fault lasts' }));

// Drills of a test file. They share one cache and one open page of its console.
import { after, before, type TestContext } from 'node:test';
import type { Owner } from '@cistern/single-node/open-stage';
import type { OperatorsView, SeenProblem } from './open-operators-view.ts';

/** One fault, what operators see of it, and its end. `Begun` is what the fault needs for its end. */
export interface Drill<Rig, Begun> {
  readonly kinds: readonly string[];
  begin(rig: Rig, t: TestContext): Promise<Begun> | Begun;
  /** Checks more of what operators see, and what still works. */
  check?(seen: readonly SeenProblem[], rig: Rig): Promise<void> | void;
  /** Clients' requests, sent again and again while the test waits for what operators see. */
  load?(rig: Rig): Promise<unknown>;
  /** Unset if operators see the problem for longer than the test takes. Then the drill is the last one of its file. */
  end?(rig: Rig, begun: Begun): unknown;
}

/**
 * Opens the rig before the tests of the file, and closes it after them. Returns a function that makes a drill a test: operators see
 * the fault and nothing else, and nothing after its end.
 */
export function declareDrills<Rig extends OperatorsView>(open: (owner: Owner) => Promise<Rig>) {
  let rig: Rig;
  const ends: (() => unknown)[] = [];
  before(async () => {
    rig = await open({ after: (end) => ends.unshift(end) });
    await rig.untilSeen([]);
  });
  after(async () => {
    for (const end of ends) await end();
  });
  return function drill<Begun>({ kinds, begin, load, check, end }: Drill<Rig, Begun>) {
    async function untilSeen(wanted: readonly string[], t: TestContext): Promise<readonly SeenProblem[]> {
      const isSeen = new AbortController();
      const loading = (async () => {
        while (load !== undefined && !isSeen.signal.aborted) await load(rig);
      })();
      const seen = await rig.untilSeen(wanted, t).finally(() => isSeen.abort());
      await loading;
      return seen;
    }

    return async (t: TestContext): Promise<void> => {
      const begun = await begin(rig, t);
      try {
        const seen = await untilSeen(kinds, t);
        await check?.(seen, rig);
      } finally {
        await end?.(rig, begun);
      }
      if (end !== undefined) await untilSeen([], t);
    };
  };
}

// The test suite of every client: it pulls every test image cold, by tag and by digest only, and then warm.
import { after, before, describe, test } from 'node:test';
import type { Client } from './clients/client.ts';
import { type Rig, type RigOptions, openRig } from './open-rig.ts';
import { pullsColdThenWarm } from './pulls-cold-then-warm.ts';
import { type UpstreamName, byDigestRepository, testRepositories, testTag, upstreamNames } from './test-images.ts';

export interface ClientSuite<C extends Client> extends RigOptions {
  readonly name: string;
  open(rig: Rig): Promise<C>;
  /** Returns the client's name of a repository of an upstream. */
  nameOf(rig: Rig, upstream: UpstreamName, repository: string): string;
  /** Default: all. */
  readonly repositories?: readonly string[];
  /** The same as in `Pull`. */
  readonly redirected?: boolean;
}

export interface OpenedClient<C extends Client> {
  readonly rig: Rig;
  readonly client: C;
}

/** Defines a suite. `further` defines tests of this client only, which may call `opened`. */
export function describeClient<C extends Client>(
  { name, open, nameOf, repositories, redirected, ...rigOptions }: ClientSuite<C>,
  further: (opened: () => OpenedClient<C>) => void = () => {},
): void {
  describe(name, () => {
    const stack = new AsyncDisposableStack();
    let current: OpenedClient<C> | undefined;
    const opened = () => {
      if (current === undefined) throw new Error(`${name} is not open.`);
      return current;
    };
    before(async () => {
      const rig = await openRig(rigOptions);
      stack.defer(rig.close);
      const client = await open(rig);
      stack.defer(client.close);
      current = { rig, client };
    });
    after(() => stack.disposeAsync());

    for (const upstream of upstreamNames)
      for (const repository of testRepositories(upstream, repositories))
        test(`pulls ${upstream}/${repository} cold, then warm without the upstream`, async () => {
          const reference = `${nameOf(opened().rig, upstream, repository)}:${testTag}`;
          await pullsColdThenWarm({ ...opened(), upstream, repository, reference, redirected });
        });

    test('pulls by digest an image that was never pulled by tag', async () => {
      const { rig } = opened();
      const [upstream, repository] = ['quay.io', byDigestRepository] as const;
      const reference = `${nameOf(rig, upstream, repository)}@${await rig.digestOf(upstream, repository)}`;
      await pullsColdThenWarm({ ...opened(), upstream, repository, reference, redirected });
    });

    further(opened);
  });
}

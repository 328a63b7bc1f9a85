// The upstreams of a run and their first images. Two are open, and an attacker has a repository at one of them. The
// third verifies its callers.
import { type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { createOwner, type Owner, runAs } from '../../world/owner.ts';
import type { Random } from '../../world/random.ts';
import type { Callers } from './callers.ts';
import { createRepository, pushImage, type SimulatedRepository } from './image-catalog.ts';
import { pushHandMade } from './push-hand-made.ts';
import { names } from './rights.ts';

export interface SimulatedUpstreams {
  /** The process in which all upstreams run. */
  readonly owner: Owner;
  readonly hub: FakeUpstream;
  readonly second: FakeUpstream;
  readonly vault: FakeUpstream;
  readonly all: readonly FakeUpstream[];
  /** Repositories that have all the content that their manifests name. */
  readonly honest: readonly SimulatedRepository[];
  readonly hostile: readonly SimulatedRepository[];
  close(): Promise<void>;
}

export interface UpstreamsOptions {
  readonly callers: Callers;
  readonly isGuarded: boolean;
  readonly tags: readonly string[];
  readonly random: Random;
}

const secondShare = 0.5;
const hostileShare = 0.4;

export async function startUpstreams(options: UpstreamsOptions): Promise<SimulatedUpstreams> {
  const { callers, isGuarded, tags, random } = options;
  const owner = createOwner('upstream');
  const auth = { kind: 'basic', accounts: callers.accounts } as const;
  const [hub, second, vault] = await runAs(owner, () =>
    Promise.all([startFakeUpstream(), startFakeUpstream(), startFakeUpstream({ auth })]),
  );
  const all = [hub, second, vault];
  const honest = [
    createRepository(hub, names.app),
    createRepository(hub, names.base),
    ...(random.chance(secondShare) ? [createRepository(second, names.otherApp)] : []),
    ...(isGuarded ? [createRepository(vault, names.secret)] : []),
  ];
  const hostile = random.chance(hostileShare) ? [createRepository(hub, names.evil)] : [];
  for (const repository of honest) for (const tag of tags) pushImage(repository, tag, random);
  for (const repository of hostile) for (const tag of tags) pushHandMade(repository, honest, tag, random);
  return {
    owner,
    hub,
    second,
    vault,
    all,
    honest,
    hostile,
    async close() {
      await runAs(owner, () => Promise.all(all.map((upstream) => upstream.close())));
    },
  };
}

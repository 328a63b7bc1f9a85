// Opens fake upstreams and caches in front of them. They are closed when their owner, such as a test, ends.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeUpstream, type FakeUpstreamOptions, seededBody, startFakeUpstream } from '@cistern/fake-upstream';
import { type Cistern, type CisternConfiguration, type CisternOptions, startCistern } from '@cistern/test-servers';
import { type Cache, startCache } from './start-cache.ts';

/** The context of a test, or `{ after }` of `node:test` for a whole file. */
export interface Owner {
  after(end: () => Promise<unknown>): unknown;
}

export async function openUpstream(owner: Owner, options?: FakeUpstreamOptions): Promise<FakeUpstream> {
  const upstream = await startFakeUpstream(options);
  owner.after(() => upstream.close());
  return upstream;
}

const opened: Pick<Cache, 'rootDirectory' | 'stop'>[] = [];

/**
 * Runs `cistern serve` in the process of the test. Tests of signals, memory or open files need `openProcess` instead.
 */
export async function openCistern(owner: Owner, options: CisternConfiguration): Promise<Cache> {
  return stopWith(owner, await startCache(options));
}

/** Runs `cistern serve` as its own process. */
export async function openProcess(owner: Owner, options: CisternOptions): Promise<Cistern> {
  return stopWith(owner, await startCistern(options));
}

function stopWith<Started extends Pick<Cache, 'rootDirectory' | 'stop'>>(owner: Owner, started: Started): Started {
  opened.push(started);
  owner.after(() => started.stop());
  return started;
}

export async function openDirectory(owner: Owner): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-end-to-end-'));
  owner.after(async () => {
    // Hooks run in the order of their creation, so caches in this directory can still run here. A cache that commits a
    // fill after the removal would create the directory again.
    const inside = opened.filter(({ rootDirectory }) => rootDirectory.startsWith(directory));
    await Promise.all(inside.map((cistern) => cistern.stop()));
    await rm(directory, { recursive: true, maxRetries: 5 });
  });
  return directory;
}

/**
 * Returns the configuration of a cache whose default upstream, docker.io, is a fake one. Tags are confirmed on every
 * pull. The limit of silence is raised, because the upstream runs in the process of the test, which can be busy for
 * longer than the default.
 */
export function cacheOf(
  { url }: Pick<FakeUpstream, 'url'>,
  upstream: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { upstreams: { 'docker.io': { url, ttl: '0s', timeouts: { silence: '10s' }, ...upstream } } };
}

export interface Stage {
  readonly upstream: FakeUpstream;
  readonly cistern: Cache;
}

export async function openStage(owner: Owner, options?: FakeUpstreamOptions): Promise<Stage> {
  const upstream = await openUpstream(owner, options);
  return { upstream, cistern: await openCistern(owner, { config: cacheOf(upstream) }) };
}

export async function openProcessStage(owner: Owner, options?: FakeUpstreamOptions) {
  const upstream = await openUpstream(owner, options);
  return { upstream, cistern: await openProcess(owner, { config: cacheOf(upstream) }) };
}

/** Returns pseudo-random bytes that do not compress. The same seed gives the same bytes. */
export function seededBytes(size: number, seed: number | string): Buffer {
  return Buffer.concat([...seededBody({ size, seed }).read(0, size)]);
}

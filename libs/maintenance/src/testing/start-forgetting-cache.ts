// Starts a test cache whose images are pulled, evicted and forgotten.
import type { TestContext } from 'node:test';
import { deleteBlob } from '@cistern/content';
import type { RepositoryKey } from '@cistern/index';
import { type Digest, parseReference } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import type { TestCacheOptions } from '@cistern/pull-through/testing';
import type { TestImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { forgetNames } from '../forgetting/forget-names.ts';
import type { ForgettingDeps } from '../forgetting/names.ts';
import { repositoriesWhile } from '../integrity/find-holders.ts';
import { tagsOf } from '../purge/purge-image.ts';
import { startPurgedCache } from './start-purged-cache.ts';

const { signal } = new AbortController();

export interface KeptRecords {
  readonly tags: number;
  readonly links: number;
  /** Small objects of the store. */
  readonly objects: number;
}

/** The cache closes at the end of the test. */
export async function startForgettingCache(t: TestContext, forgetAfterMs: number, options: TestCacheOptions = {}) {
  const started = await startPurgedCache(t, { adoptAs: 'registry.test', ...options });
  const { index, store, clock, adoptAs } = started;
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const deps: ForgettingDeps = { index, store, adoptAs, forgetAfterMs, log, now: () => clock.nowMs };
  return {
    ...started,
    deps,
    forget: (given: Partial<ForgettingDeps> = {}) => forgetNames({ ...deps, ...given }, signal),
    /** Removes blobs like an eviction. */
    async evict(digests: readonly Digest[]): Promise<void> {
      for (const digest of digests) await deleteBlob({ index, store }, digest);
    },
    tagOf: ({ repository, tag }: TestImage) => index.tags.get({ ...repositoryOf('docker.io', repository), tag }),
    async links(repository: string): Promise<ReadonlySet<Digest>> {
      return new Set(await index.links.digests(repositoryOf('docker.io', repository)));
    },
    async kept(): Promise<KeptRecords> {
      const kept = { tags: 0, links: 0, objects: 0 };
      for await (const key of repositoriesWhile(index, (): boolean => true)) {
        kept.links += (await index.links.digests(key)).length;
        kept.tags += await countTags(key);
      }
      for await (const _ of store.listObjects('cistern/')) kept.objects += 1;
      return kept;
    },
  };

  async function countTags(key: RepositoryKey): Promise<number> {
    return (await Array.fromAsync(tagsOf({ index }, key))).length;
  }
}

export function imageName({ repository, tag }: TestImage) {
  return { ...repositoryOf('docker.io', repository), reference: parseReference(tag) };
}

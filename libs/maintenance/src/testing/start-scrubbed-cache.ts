// Starts a cache in one process whose store the test damages, and a scrub that the test runs.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { putBytes, readBytes } from '@cistern/blob-store';
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { createScrub, type ScrubLimits } from '../integrity/create-scrub.ts';
import { addImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache, type TestCacheOptions } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
/** Time between two passes. */
export const dayMs = 86_400_000;
const { signal } = new AbortController();

export async function startScrubbedCache(
  t: TestContext,
  options: TestCacheOptions = {},
  given: Partial<ScrubLimits> = {},
) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  const { hub, quay, cache, store, index, clock, fills, metrics } = started;
  const lines: string[] = [];
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write: (line) => lines.push(line) } });
  const openScrub = (limits: Partial<ScrubLimits> = given) =>
    createScrub({
      ...started,
      upstreams: new Map([hub, quay].map((upstream) => [upstream.name, upstream])),
      address: '',
      maxWholeForRangeBytes: Infinity,
      limits: { bytesPerSecond: 1e9, everyMs: dayMs, ...limits },
      log,
      now: () => clock.nowMs,
    });
  const scrub = openScrub();

  async function pull(digest: Digest, client?: string): Promise<Buffer> {
    return collect(await (await cache.openBlob({ ...library, digest, intent: 'whole', client })).read());
  }

  async function pullImage(tag: string, layers: readonly number[]) {
    const image = addImage(hub, { repository: library.repository, tag, layers });
    await cache.openManifest({ ...library, reference: { kind: 'tag', tag: image.tag } });
    for (const digest of image.blobs) await pull(digest);
    await until(() => fills.size === 0);
    return image;
  }

  return {
    ...started,
    lines,
    openScrub,
    pull,
    pullImage,
    /** Runs a due pass. */
    async scrub() {
      clock.nowMs += dayMs;
      const pass = await scrub.run(signal);
      assert.ok(pass !== undefined);
      return pass.counts;
    },
    /** Flips one bit of a stored object. Returns the damaged bytes. */
    async flip(digest: Digest): Promise<Buffer> {
      const bytes = Buffer.from((await readBytes(store, digest, 10_000_000))!);
      bytes[Math.floor(bytes.length / 2)]! ^= 1;
      await putBytes(store, digest, bytes);
      return bytes;
    },
    isRight: async (digest: Digest) => {
      const bytes = await readBytes(store, digest, 10_000_000);
      return (
        bytes !== undefined &&
        digestOf(bytes, digestAlgorithm(digest)) === digest &&
        (await index.blobs.get(digest))?.verified === true
      );
    },
    count: async (kind: string) =>
      (await metrics.scrubObjects.get()).values.find(({ labels }) => labels.kind === kind)?.value,
  };
}

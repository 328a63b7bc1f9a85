// A manifest that came with a job's answer, which passes through Redis.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { type Digest, digestOf, mediaTypes, parseReference } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { createContentCache, type CachedManifest } from '@cistern/content';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { addSampleImage } from '@cistern/upstream/testing';
import { createTakeUnsaved } from './take-unsaved.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const mediaType = mediaTypes.ociManifest;

function openLog() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: createLogger({ level: 'error', formatter: 'json', destination: { write } }), lines };
}

const unsavedOf = (digest: Digest, bytes: Buffer) => ({ digest, mediaType, bytesBase64: bytes.toString('base64') });

test('bytes that have the digest are taken, under either algorithm', () => {
  const manifests = createContentCache<CachedManifest>(10_000);
  const { log, lines } = openLog();
  const take = createTakeUnsaved({ manifests, log });
  const bytes = Buffer.from('{}');
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const digest = digestOf(bytes, algorithm);
    take('fetch-manifest', library, unsavedOf(digest, bytes));
    assert.deepEqual(manifests.get(digest), { mediaType, bytes });
  }
  assert.deepEqual(lines, []);
});

test('bytes of another digest are not taken, and an answer is logged once however many share it', () => {
  const manifests = createContentCache<CachedManifest>(10_000);
  const { log, lines } = openLog();
  const take = createTakeUnsaved({ manifests, log });
  const digest = digestOf(Buffer.from('{}'));
  const wrong = unsavedOf(digest, Buffer.from('{"a":1}'));
  for (let request = 0; request < 20; request += 1) take('revalidate-tag', library, wrong);
  take('revalidate-tag', library, unsavedOf('sha256:short' as Digest, Buffer.from('{}')));
  assert.equal(manifests.get(digest), undefined);
  assert.equal(manifests.get('sha256:short' as Digest), undefined);
  assert.equal(lines.length, 2);
  const { job, upstream, repository, actual } = lines[0] ?? {};
  assert.deepEqual(
    [job, upstream, repository, actual],
    ['revalidate-tag', 'docker.io', 'library/nginx', digestOf(Buffer.from('{"a":1}'))],
  );
});

/** Every answer that could bring a manifest brings `bytes` in its place. */
function lying(queue: JobQueue, digest: Digest, bytes: Buffer): JobQueue {
  const run = async (...given: Parameters<JobQueue['run']>) => {
    const result = await queue.run(...given);
    return given[0] === 'fetch-manifest' || given[0] === 'revalidate-tag' ? unsavedOf(digest, bytes) : result;
  };
  return { ...queue, run };
}

test('a request whose job answers with wrong bytes is served what is stored', async (t) => {
  const { log, lines } = openLog();
  let digest = digestOf(Buffer.from(''));
  const evil = Buffer.from('{"evil":true}');
  const started = await startTestCache({
    log,
    wrapQueue: (queue) => ({ ...queue, run: (...given) => lying(queue, digest, evil).run(...given) }),
  });
  t.after(() => started.close());
  ({ digest } = addSampleImage(started.hub, library.repository, '1', { seed: 1 }));
  const request = { ...library, reference: parseReference('1') };
  const served = await Promise.all(Array.from({ length: 10 }, () => started.cache.openManifest(request)));
  for (const { bytes } of served) assert.equal(digestOf(bytes), digest);
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.['digest'], digest);
});

test('a request whose job answers with wrong bytes fails where the store has none', async (t) => {
  const { log } = openLog();
  let digest = digestOf(Buffer.from(''));
  const evil = Buffer.from('{"evil":true}');
  let isAway = false;
  const started = await startTestCache({
    log,
    wrapQueue: (queue) => ({ ...queue, run: (...given) => lying(queue, digest, evil).run(...given) }),
    wrapStore: (store) => ({
      ...store,
      async begin(...given) {
        if (isAway) throw new CacheError('store-unavailable', 'The store is down.');
        return store.begin(...given);
      },
    }),
  });
  t.after(() => started.close());
  ({ digest } = addSampleImage(started.hub, library.repository, '1', { seed: 1 }));
  isAway = true;
  await assert.rejects(
    () => started.cache.openManifest({ ...library, reference: parseReference('1') }),
    (error) => isCacheError(error, 'store-unavailable'),
  );
  isAway = false;
});

// Tests races between eviction, adoption, reads and commits of one digest, step by step, on any index.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { deletionLeaseMs } from '@cistern/content';
import { addImage } from '@cistern/upstream/testing';
import { type OpenRacingIndex, startEvictionRace } from './start-eviction-race.ts';
import { inUseMs } from './start-full-cache.ts';
import { library } from '@cistern/pull-through/testing';
import { until } from '@cistern/runtime/testing';
import { collect } from '@cistern/oci/testing';

export type { OpenRacingIndex } from './start-eviction-race.ts';

const stepsOfDeletion = [
  'fills.beginDeletions done',
  'manifests.get',
  'store.removeAll',
  'store.removeAll done',
  'fills.endDeletions',
];

/** Registers one `node:test` test for each race, each with a fresh index from `open`. */
export function describeEvictionRaces(name: string, open: OpenRacingIndex): void {
  const race = (behaviour: string, run: (started: Awaited<ReturnType<typeof startEvictionRace>>) => Promise<void>) =>
    test(`${name}: ${behaviour}`, async (t) => run(await startEvictionRace(t, open)));

  void race('a pull before the deletion begins keeps the blob', async (started) => {
    const { startFull, holdDeletion, pass, store, assertExact } = started;
    const { evictor, pull, gets, digest, bytes } = await startFull();
    const { evicting, release } = await holdDeletion(evictor, 'fills.beginDeletions');
    assert.ok((await pull(1)).equals(bytes));
    await pass(1_500);
    release();
    await evicting;
    assert.ok((await store.stat(digest)) !== undefined);
    assert.equal(gets(), 1);
    await assertExact();
  });

  void race('a request for a blob under deletion fetches it again, once, after its removal', async (started) => {
    for (const step of stepsOfDeletion) {
      const { evictor, pull, gets, digest, bytes } = await started.startFull();
      const { evicting, release } = await started.holdDeletion(evictor, step);
      const pulls = [pull(0), pull(1), pull(0)];
      await delay(100);
      assert.equal(gets(), 1, step);
      release();
      await evicting;
      for (const body of await Promise.all(pulls)) assert.ok(body.equals(bytes), step);
      assert.equal(gets(), 2, step);
      await until(async () => (await started.index.blobs.get(digest))?.verified === true);
      await started.assertExact();
    }
  });

  void race('two evictors delete a blob once, whichever step the first one has reached', async (started) => {
    for (const step of ['fills.beginDeletions', ...stepsOfDeletion, 'fills.endDeletions done']) {
      const { evictor, removals, digest } = await started.startFull();
      const other = started.startEvictor();
      const { evicting, release } = await started.holdDeletion(evictor, step);
      await other.step();
      release();
      await evicting;
      assert.equal(removals(), 1, step);
      assert.equal(await started.index.blobs.get(digest, { fresh: true }), undefined);
      await started.assertExact();
    }
  });

  void race('a reader that is halfway reads to the end although the blob is deleted', async (started) => {
    const { frontends, index, stored, store } = started;
    const { evictor, gets, digest, bytes } = await started.startFull();
    const blob = await frontends[0]!.cache.openBlob({ ...library, digest, intent: 'whole' });
    const reading = await blob.read();
    const first = Buffer.from((await reading.next())!);
    // The reader's node is frozen or cut off, and does not report its read in time.
    await until(async () => {
      started.shared.advance(inUseMs);
      await evictor.step();
      return (await index.blobs.get(digest, { fresh: true })) === undefined;
    });
    stored.blobs.delete(digest);
    await until(async () => (await store.stat(digest)) === undefined);
    const rest = await collect(reading);
    assert.ok(Buffer.concat([first, rest]).equals(bytes));
    assert.ok(gets() <= 2);
    await started.assertExact();
  });

  void race('an evictor that dies before it has removed the blob costs no fetch', async (started) => {
    const { evictor, pull, gets, digest, bytes } = await started.startFull();
    await started.holdDeletion(evictor, 'store.removeAll');
    evictor.process.kill();
    const pulling = pull(0);
    await delay(100);
    await started.pass(deletionLeaseMs);
    assert.ok((await pulling).equals(bytes));
    assert.equal(gets(), 1);
    await until(async () => (await started.index.blobs.get(digest))?.state === 'present');
    await started.assertExact();
  });

  for (const next of ['fetch', 'evictor'] as const)
    void race(`an evictor that dies after the removal leaves a record that the next ${next} fixes`, async (started) => {
      const { startEvictor, pass, index } = started;
      const { evictor, pull, gets, digest, bytes } = await started.startFull();
      await started.holdDeletion(evictor, 'store.removeAll done');
      evictor.process.kill();
      await pass(deletionLeaseMs);
      if (next === 'fetch') {
        assert.ok((await pull(0)).equals(bytes));
        assert.equal(gets(), 2);
        await until(async () => (await index.blobs.get(digest))?.state === 'present');
      } else {
        await startEvictor().step();
        assert.equal(await index.blobs.get(digest, { fresh: true }), undefined);
      }
      await started.assertExact();
    });

  void race('a blob that a frontend adopts during its deletion is forgotten again', async (started) => {
    const { index, frontends } = started;
    for (const step of ['store.stat done', 'blobs.adopt']) {
      const { evictor, pull, gets, digest, bytes } = await started.startFull();
      const record = (await index.blobs.get(digest))!;
      await index.blobs.remove(digest);
      const held = frontends[1]!.process.hold(step);
      const pulling = pull(1);
      await held.reached;
      // Another node adopted the blob first, and the blob was forgotten after that.
      await index.blobs.put(record);
      started.shared.advance(inUseMs);
      await evictor.step();
      assert.equal(await index.blobs.get(digest), undefined);
      held.release();
      assert.ok((await pulling).equals(bytes));
      assert.equal(gets(), 2);
      await until(async () => (await index.blobs.get(digest))?.verified === true);
      await started.assertExact();
    }
  });

  void race('a blob that a rebuild adopts after its deletion is forgotten again', async (started) => {
    const { index, startRebuild } = started;
    const { evictor, digest } = await started.startFull();
    const { process, rebuild } = startRebuild();
    const held = process.hold('blobs.adopt');
    const rebuilt = rebuild();
    await held.reached;
    await evictor.step();
    held.release();
    await rebuilt;
    assert.equal(await index.blobs.get(digest, { fresh: true }), undefined);
    await started.assertExact();
  });

  void race('a commit and an eviction of one digest follow each other, whichever begins first', async (started) => {
    const { index, workers, stored } = started;
    for (const step of ['fills.claim done', 'store.put', 'store.put done', 'fills.done']) {
      const { evictor, pull, digest, bytes } = await started.startFull();
      // The object is removed without the index; its record stays.
      stored.blobs.delete(digest);
      const held = workers.map(({ process }) => process.hold(step));
      const pulling = pull(0);
      await Promise.race(held.map(({ reached }) => reached));
      started.shared.advance(inUseMs);
      await evictor.step();
      for (const { release } of held) release();
      assert.ok((await pulling).equals(bytes), step);
      await until(async () => (await index.blobs.get(digest))?.state === 'present');
      await started.assertExact();
    }
  });

  void race('a manifest that is fetched during its deletion is stored after its removal', async (started) => {
    const { hub, index, store, queue, frontends, startEvictor, holdDeletion, assertExact } = started;
    const image = addImage(hub, { repository: library.repository, tag: 'latest', layers: [] });
    const { manifest } = image;
    await frontends[0]!.cache.openManifest({ ...library, reference: { kind: 'tag', tag: image.tag } });
    const evictor = startEvictor();
    const { evicting, release } = await holdDeletion(evictor, 'store.removeAll');
    assert.equal((await index.blobs.get(manifest, { fresh: true }))?.state, 'deleting');
    // Like a job that was added a moment ago, before the manifest was stored.
    const options = { dedupKey: manifest, class: 'interactive', timeoutMs: 20_000 } as const;
    const fetching = queue.queue.run('fetch-manifest', { ...library, digest: manifest }, options);
    await delay(100);
    release();
    await evicting;
    await fetching;
    assert.ok((await store.stat(manifest)) !== undefined);
    assert.equal((await index.blobs.get(manifest, { fresh: true }))?.state, 'present');
    await assertExact();
  });

  void race('a manifest that is read during its deletion leaves no record of removed bytes', async (started) => {
    const { hub, index, frontends, startEvictor, holdDeletion, assertExact } = started;
    for (const step of ['store.open done', 'blobs.put', 'blobs.put done']) {
      const image = addImage(hub, { repository: library.repository, tag: `at-${step.length}`, layers: [] });
      const openAt = (frontend: number) =>
        frontends[frontend]!.cache.openManifest({ ...library, reference: { kind: 'tag', tag: image.tag } });
      await openAt(0);
      const evictor = startEvictor();
      const { evicting, release } = await holdDeletion(evictor, 'store.removeAll');
      const reader = frontends[1]!.process.hold(step);
      const reading = openAt(1);
      await reader.reached;
      release();
      await evicting;
      reader.release();
      assert.equal((await reading).digest, image.manifest, step);
      await assertExact();
      await index.blobs.remove(image.manifest);
      started.stored.blobs.delete(image.manifest);
    }
  });

  void race(
    'wherever an evictor and a reader meet, the reader gets its bytes and the index stays exact',
    async (started) => {
      const { frontends, assertExact } = started;
      const meetings = ['fills.beginDeletions', ...stepsOfDeletion].flatMap((evicts) =>
        ['blobs.get done', 'store.open', 'store.open done', 'fills.read done'].flatMap((reads) =>
          [true, false].map((evictorGoesOnFirst) => ({ evicts, reads, evictorGoesOnFirst })),
        ),
      );
      for (const { evicts, reads, evictorGoesOnFirst } of meetings) {
        const { evictor, pull, bytes, gets } = await started.startFull();
        const where = `${evicts}, ${reads}, ${evictorGoesOnFirst ? 'the evictor' : 'the reader'} first`;
        const [ofReader, ofEvictor] = [frontends[1]!.process.hold(reads), evictor.process.hold(evicts)];
        const pulling = pull(1);
        await soon(Promise.race([ofReader.reached, pulling]));
        const evicting = evictor.step();
        await soon(Promise.race([ofEvictor.reached, evicting]));
        const both = [
          { release: ofEvictor.release, done: evicting as Promise<unknown> },
          { release: ofReader.release, done: pulling as Promise<unknown> },
        ];
        const [first, second] = evictorGoesOnFirst ? both : both.toReversed();
        first!.release();
        await soon(first!.done);
        second!.release();
        assert.ok((await pulling).equals(bytes), where);
        await evicting;
        assert.ok(gets() <= 2, where);
        await assertExact();
      }
    },
  );
}

/** Waits only for a moment, because the reader and the evictor can wait for each other. */
async function soon(done: Promise<unknown>): Promise<void> {
  await Promise.race([done, delay(50)]);
}

// Announcements, and an index that cannot answer.
import assert from 'node:assert/strict';
import { isCacheError } from '@cistern/errors';
import type { Announcements } from '../announcements.ts';
import type { CacheIndexCases } from './index-under-test.ts';
import {
  nginx,
  sampleBlobRecord,
  sampleClaim,
  sampleDigest,
  sampleLink,
  sampleManifest,
  sampleTag,
} from './sample-records.ts';

/** Publishes and waits for a listener of its own, which subscribed last: by then the others were called. */
async function publishAndSettle(announcements: Announcements, topic: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = await announcements.subscribe(topic, resolve);
  await announcements.publish(topic);
  await promise;
  unsubscribe();
}

export const announcementCases: CacheIndexCases = {
  async 'every listener of a topic hears its messages, and no other topic’s'({ index: { announcements } }) {
    const heard: string[] = [];
    await announcements.subscribe('fill:a', () => heard.push('one'));
    await announcements.subscribe('fill:a', () => heard.push('two'));
    await announcements.subscribe('fill:b', () => heard.push('other'));
    await publishAndSettle(announcements, 'fill:a');
    assert.deepEqual(heard.sort(), ['one', 'two']);
    await announcements.publish('nobody listens');
  },

  async 'a listener is not called while publish is called'({ index: { announcements } }) {
    let publishing = false;
    let heardInside = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    await announcements.subscribe('topic', () => {
      heardInside = publishing;
      resolve();
    });
    publishing = true;
    const published = announcements.publish('topic');
    publishing = false;
    await Promise.all([published, promise]);
    assert.equal(heardInside, false);
  },

  async 'an ended subscription hears nothing, and ends only itself'({ index: { announcements } }) {
    let heard = 0;
    function listener(): void {
      heard += 1;
    }
    const endFirst = await announcements.subscribe('topic', listener);
    await announcements.subscribe('topic', listener);
    endFirst();
    endFirst();
    await publishAndSettle(announcements, 'topic');
    assert.equal(heard, 1);
  },

  async 'a listener that throws disturbs neither the others nor the publisher'({ index: { announcements } }) {
    let heard = 0;
    await announcements.subscribe('topic', () => {
      throw new Error('thrown on purpose');
    });
    await announcements.subscribe('topic', () => (heard += 1));
    await publishAndSettle(announcements, 'topic');
    await publishAndSettle(announcements, 'topic');
    assert.equal(heard, 2);
  },

  async 'a listener may end subscriptions and begin others while it is called'({ index: { announcements } }) {
    const heard: string[] = [];
    const later: Promise<unknown>[] = [];
    const endOwn = await announcements.subscribe('topic', () => {
      heard.push('first');
      endOwn();
      endSecond();
      later.push(announcements.subscribe('topic', () => heard.push('third')));
    });
    const endSecond = await announcements.subscribe('topic', () => heard.push('second'));
    await publishAndSettle(announcements, 'topic');
    await Promise.all(later);
    // An adapter may call in any order, so the second may have been called before the first ended it.
    assert.equal(heard.filter((who) => who === 'first').length, 1);
    heard.length = 0;
    await publishAndSettle(announcements, 'topic');
    assert.deepEqual(heard, ['third']);
  },

  async 'check resolves while the index can answer'({ index }) {
    await index.check();
  },

  async 'an index that cannot answer says index-unavailable, never "not there"'({ index, fail }) {
    const record = sampleTag('1');
    const claim = await index.fills.claim(sampleClaim('a'));
    assert.ok(claim);
    await index.tags.put(record);
    await fail();
    const digest = sampleDigest('a');
    const { tags, manifests, blobs, links, fills, announcements } = index;
    const attempts: Record<string, () => Promise<unknown>> = {
      'tags.get': async () => tags.get(record),
      'tags.put': async () => tags.put(record),
      'tags.remove': async () => tags.remove(record),
      'tags.recordPull': async () => tags.recordPull(record, 1),
      'tags.list': async () => tags.list(nginx.upstream, nginx.repository, { limit: 1 }),
      'manifests.get': async () => manifests.get(digest),
      'manifests.put': async () => manifests.put(sampleManifest('a')),
      'manifests.remove': async () => manifests.remove(digest),
      'blobs.get': async () => blobs.get(digest),
      'blobs.put': async () => blobs.put(sampleBlobRecord('a')),
      'blobs.markVerified': async () => blobs.markVerified(digest),
      'blobs.touch': async () => blobs.touch(digest, 1),
      'blobs.remove': async () => blobs.remove(digest),
      'blobs.totals': async () => blobs.totals(),
      'links.get': async () => links.get(nginx, digest),
      'links.put': async () => links.put(nginx, [sampleLink(nginx, 'a')]),
      'links.remove': async () => links.remove(nginx, digest),
      'links.holders': async () => links.holders([nginx.upstream], nginx.repository, digest),
      'links.repositories': async () => links.repositories({ limit: 1 }),
      'fills.read': async () => fills.read(digest),
      'fills.claim': async () => fills.claim(sampleClaim('b')),
      'fills.running': async () => fills.running(digest, claim.owner, 1),
      'fills.heartbeat': async () => fills.heartbeat(claim, 1000),
      'fills.done': async () => fills.done(digest, claim.owner, sampleBlobRecord('a')),
      'fills.failed': async () => fills.failed(digest, claim.owner, { kind: 'overloaded', message: 'No.' }, 1000),
      'announcements.publish': async () => announcements.publish('topic'),
      check: async () => index.check(),
    };
    for (const [method, attempt] of Object.entries(attempts))
      await assert.rejects(attempt, (error) => isCacheError(error, 'index-unavailable'), method);
  },
};

// Cases of publish and subscribe: each listener receives each message, or `undefined` if messages may have been missed.
import assert from 'node:assert/strict';
import type { PubSub } from '../cache-index.ts';
import type { CacheIndexCases } from './index-under-test.ts';

/**
 * Publishes a message and waits until all other listeners have been called: until its own listener is called, which
 * subscribes last.
 */
async function publishAndSettle(pubsub: PubSub, topic: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = await pubsub.subscribe(topic, () => resolve());
  await pubsub.publish(topic);
  await promise;
  unsubscribe();
}

export const pubsubCases: CacheIndexCases = {
  async 'every listener of a topic receives its messages, and none of other topics'({ index: { pubsub } }) {
    const received: string[] = [];
    await pubsub.subscribe('fill:a', () => received.push('one'));
    await pubsub.subscribe('fill:a', () => received.push('two'));
    await pubsub.subscribe('fill:b', () => received.push('other'));
    await publishAndSettle(pubsub, 'fill:a');
    assert.deepEqual(received.sort(), ['one', 'two']);
    await pubsub.publish('a topic without listeners');
  },

  async 'a listener receives the message, or undefined for an empty one'({ index: { pubsub } }) {
    const received: (string | undefined)[] = [];
    await pubsub.subscribe('topic', (message) => received.push(message));
    const last = Promise.withResolvers<void>();
    await pubsub.subscribe('topic', (message) => message === 'the end' && last.resolve());
    for (const message of ['tag docker.io/library/nginx:1.27', undefined, '', 'ü\n{}', 'the end'])
      await pubsub.publish('topic', message);
    await last.promise;
    assert.deepEqual(received, ['tag docker.io/library/nginx:1.27', undefined, undefined, 'ü\n{}', 'the end']);
  },

  async 'a listener is not called during the call of publish'({ index: { pubsub } }) {
    let publishing = false;
    let calledInside = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    await pubsub.subscribe('topic', () => {
      calledInside = publishing;
      resolve();
    });
    publishing = true;
    const published = pubsub.publish('topic');
    publishing = false;
    await Promise.all([published, promise]);
    assert.equal(calledInside, false);
  },

  async 'an ended subscription receives nothing, and other subscriptions continue'({ index: { pubsub } }) {
    let received = 0;
    function listener(): void {
      received += 1;
    }
    const endFirst = await pubsub.subscribe('topic', listener);
    await pubsub.subscribe('topic', listener);
    endFirst();
    endFirst();
    await publishAndSettle(pubsub, 'topic');
    assert.equal(received, 1);
  },

  async 'a listener that throws affects neither other listeners nor the publisher'({ index: { pubsub } }) {
    let received = 0;
    await pubsub.subscribe('topic', () => {
      throw new Error('thrown on purpose');
    });
    await pubsub.subscribe('topic', () => (received += 1));
    await publishAndSettle(pubsub, 'topic');
    await publishAndSettle(pubsub, 'topic');
    assert.equal(received, 2);
  },

  async 'a listener may end subscriptions and start others while it is called'({ index: { pubsub } }) {
    const received: string[] = [];
    const later: Promise<unknown>[] = [];
    const endOwn = await pubsub.subscribe('topic', () => {
      received.push('first');
      endOwn();
      endSecond();
      later.push(pubsub.subscribe('topic', () => received.push('third')));
    });
    const endSecond = await pubsub.subscribe('topic', () => received.push('second'));
    await publishAndSettle(pubsub, 'topic');
    await Promise.all(later);
    // An index may call listeners in any order, so the second may be called before the first ends its subscription.
    assert.equal(received.filter((name) => name === 'first').length, 1);
    received.length = 0;
    await publishAndSettle(pubsub, 'topic');
    assert.deepEqual(received, ['third']);
  },
};

// Publish and subscribe: each listener hears each message, or hears that some may have been missed.
import assert from 'node:assert/strict';
import type { PubSub } from '../cache-index.ts';
import type { CacheIndexCases } from './index-under-test.ts';

/** Publishes and waits for a listener of its own, which subscribed last: by then the others were called. */
async function publishAndSettle(pubsub: PubSub, topic: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = await pubsub.subscribe(topic, () => resolve());
  await pubsub.publish(topic);
  await promise;
  unsubscribe();
}

export const pubsubCases: CacheIndexCases = {
  async 'every listener of a topic hears its messages, and no other topic’s'({ index: { pubsub } }) {
    const heard: string[] = [];
    await pubsub.subscribe('fill:a', () => heard.push('one'));
    await pubsub.subscribe('fill:a', () => heard.push('two'));
    await pubsub.subscribe('fill:b', () => heard.push('other'));
    await publishAndSettle(pubsub, 'fill:a');
    assert.deepEqual(heard.sort(), ['one', 'two']);
    await pubsub.publish('a topic without listeners');
  },

  async 'a listener hears the message, and nothing where there is none'({ index: { pubsub } }) {
    const heard: (string | undefined)[] = [];
    await pubsub.subscribe('topic', (message) => heard.push(message));
    const last = Promise.withResolvers<void>();
    await pubsub.subscribe('topic', (message) => message === 'the end' && last.resolve());
    for (const message of ['tag docker.io/library/nginx:1.27', undefined, '', 'ü\n{}', 'the end'])
      await pubsub.publish('topic', message);
    await last.promise;
    assert.deepEqual(heard, ['tag docker.io/library/nginx:1.27', undefined, undefined, 'ü\n{}', 'the end']);
  },

  async 'a listener is not called while publish is called'({ index: { pubsub } }) {
    let publishing = false;
    let heardInside = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    await pubsub.subscribe('topic', () => {
      heardInside = publishing;
      resolve();
    });
    publishing = true;
    const published = pubsub.publish('topic');
    publishing = false;
    await Promise.all([published, promise]);
    assert.equal(heardInside, false);
  },

  async 'an ended subscription hears nothing, and ends only itself'({ index: { pubsub } }) {
    let heard = 0;
    function listener(): void {
      heard += 1;
    }
    const endFirst = await pubsub.subscribe('topic', listener);
    await pubsub.subscribe('topic', listener);
    endFirst();
    endFirst();
    await publishAndSettle(pubsub, 'topic');
    assert.equal(heard, 1);
  },

  async 'a listener that throws disturbs neither the others nor the publisher'({ index: { pubsub } }) {
    let heard = 0;
    await pubsub.subscribe('topic', () => {
      throw new Error('thrown on purpose');
    });
    await pubsub.subscribe('topic', () => (heard += 1));
    await publishAndSettle(pubsub, 'topic');
    await publishAndSettle(pubsub, 'topic');
    assert.equal(heard, 2);
  },

  async 'a listener may end subscriptions and begin others while it is called'({ index: { pubsub } }) {
    const heard: string[] = [];
    const later: Promise<unknown>[] = [];
    const endOwn = await pubsub.subscribe('topic', () => {
      heard.push('first');
      endOwn();
      endSecond();
      later.push(pubsub.subscribe('topic', () => heard.push('third')));
    });
    const endSecond = await pubsub.subscribe('topic', () => heard.push('second'));
    await publishAndSettle(pubsub, 'topic');
    await Promise.all(later);
    // An adapter may call in any order, so the second may have been called before the first ended it.
    assert.equal(heard.filter((who) => who === 'first').length, 1);
    heard.length = 0;
    await publishAndSettle(pubsub, 'topic');
    assert.deepEqual(heard, ['third']);
  },
};

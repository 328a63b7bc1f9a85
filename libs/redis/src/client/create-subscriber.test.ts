// Tests a failover while channels are being subscribed, step by step.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Redis } from 'ioredis';
import { createSubscriber } from './create-subscriber.ts';

const channel = 'cistern:{b:00}:fill/a';

/**
 * Fake connections to the nodes of a cluster, with the methods that a subscriber uses. `answers` has the results of
 * SSUBSCRIBE, in order.
 */
function scriptNodes(answers: Record<string, (() => Promise<unknown>)[]>) {
  const subscribedAt: string[] = [];
  const opened = new Map<string, EventEmitter>();
  const connect = (node: string) => {
    const events = new EventEmitter();
    const ssubscribe = async () => {
      subscribedAt.push(node);
      await answers[node]?.shift()?.();
    };
    opened.set(node, events);
    return Object.assign(events, {
      connect: async () => {},
      ssubscribe,
      options: {},
      status: 'end',
    }) as unknown as Redis;
  };
  return { subscribedAt, opened, connectors: { anyNode: () => 'node:1', connect } };
}

function movedTo(node: string) {
  return async () => {
    throw new Error(`MOVED 1 ${node}`);
  };
}

test('a channel that is subscribed again stays subscribed when the first try fails later', async (t) => {
  const failed = Promise.withResolvers<void>();
  // The node of the channel hangs, until a failover moves the channel to another node.
  const { subscribedAt, opened, connectors } = scriptNodes({
    'node:1': [movedTo('node:2'), movedTo('node:3')],
    'node:2': [() => failed.promise],
  });
  const received: string[] = [];
  const subscriber = createSubscriber({ isSharded: () => true, connectors, onMessage: (name) => received.push(name) });
  t.after(() => subscriber.close());
  const first = subscriber.add(channel);
  await new Promise(setImmediate);
  subscriber.remove(channel);
  await subscriber.add(channel);
  failed.reject(new Error('Connection is closed.'));
  await assert.rejects(first);
  assert.deepEqual(subscribedAt, ['node:1', 'node:2', 'node:1', 'node:3']);
  opened.get('node:3')!.emit('end');
  await new Promise(setImmediate);
  // The channel is subscribed again.
  assert.deepEqual(received, [channel]);
});

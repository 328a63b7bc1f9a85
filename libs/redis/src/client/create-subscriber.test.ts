// What a fail-over does to channels that are being subscribed, step by step.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Redis } from 'ioredis';
import { createSubscriber } from './create-subscriber.ts';

const channel = 'cistern:{b:00}:fill/a';

/** Connections to the nodes of a cluster, as far as a subscriber uses them. `answers`: what SSUBSCRIBE comes to, one by one. */
function scriptNodes(answers: Record<string, (() => Promise<unknown>)[]>) {
  const asked: string[] = [];
  const opened = new Map<string, EventEmitter>();
  const connect = (node: string) => {
    const events = new EventEmitter();
    const ssubscribe = async () => {
      asked.push(node);
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
  return { asked, opened, connectors: { anyNode: () => 'node:1', connect } };
}

function movedTo(node: string) {
  return async () => {
    throw new Error(`MOVED 1 ${node}`);
  };
}

test('a channel that is subscribed anew stays, though the first try fails after that', async (t) => {
  const failed = Promise.withResolvers<void>();
  // Its node hangs, until a fail-over gives the channel to another one.
  const { asked, opened, connectors } = scriptNodes({
    'node:1': [movedTo('node:2'), movedTo('node:3')],
    'node:2': [() => failed.promise],
  });
  const heard: string[] = [];
  const subscriber = createSubscriber({ isSharded: () => true, connectors, onMessage: (name) => heard.push(name) });
  t.after(() => subscriber.close());
  const first = subscriber.add(channel);
  await new Promise(setImmediate);
  subscriber.remove(channel);
  await subscriber.add(channel);
  failed.reject(new Error('Connection is closed.'));
  await assert.rejects(first);
  assert.deepEqual(asked, ['node:1', 'node:2', 'node:1', 'node:3']);
  opened.get('node:3')!.emit('end');
  await new Promise(setImmediate);
  // It is back.
  assert.deepEqual(heard, [channel]);
});

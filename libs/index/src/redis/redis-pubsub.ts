// Publish and subscribe by Redis. All listeners of a topic in this process share one subscription.
import type { PubSub, IndexLog } from '../cache-index.ts';
import { createPubSub } from '../in-process/create-pubsub.ts';
import { createSubscriber, type SubscriberOptions } from '@cistern/redis/client';
import type { Keys } from './keys.ts';
import type { RedisCalls } from './redis-calls.ts';

export interface RedisPubSubOptions extends Pick<SubscriberOptions, 'isSharded' | 'connectors'> {
  readonly calls: RedisCalls;
  readonly keys: Keys;
  readonly log: IndexLog;
}

export function createRedisPubSub(options: RedisPubSubOptions): { readonly pubsub: PubSub; close(): Promise<void> } {
  const { isSharded, connectors, calls, keys, log } = options;
  const listeners = createPubSub({ log, checkAvailable: () => {} });
  const subscriber = createSubscriber({
    isSharded,
    connectors,
    onMessage: (channel, message) => void listeners.publish(channel, message),
  });
  const subscriptions = new Map<string, { holders: number; readonly active: Promise<void> }>();

  async function hold(channel: string): Promise<void> {
    const subscription = subscriptions.get(channel) ?? {
      holders: 0,
      active: calls.command(async () => subscriber.add(channel)),
    };
    subscriptions.set(channel, subscription);
    subscription.holders += 1;
    try {
      await subscription.active;
    } catch (error) {
      // The subscription is removed. It might still become active, but its callers have already failed.
      if (subscriptions.get(channel) === subscription) forget(channel);
      throw error;
    }
  }

  function release(channel: string): void {
    const subscription = subscriptions.get(channel);
    if (subscription === undefined) return;
    subscription.holders -= 1;
    if (subscription.holders === 0) forget(channel);
  }

  function forget(channel: string): void {
    subscriptions.delete(channel);
    subscriber.remove(channel);
  }

  const pubsub: PubSub = {
    async publish(topic, message = '') {
      const channel = keys.channel(topic);
      await calls.command((client) =>
        isSharded() ? client.spublish(channel, message) : client.publish(channel, message),
      );
    },
    async subscribe(topic, listener) {
      calls.checkAnswering();
      const channel = keys.channel(topic);
      // Adds the listener first, so that no message is lost after Redis has confirmed the subscription.
      const end = await listeners.subscribe(channel, listener);
      try {
        await hold(channel);
      } catch (error) {
        end();
        throw error;
      }
      let isEnded = false;
      return () => {
        if (isEnded) return;
        isEnded = true;
        end();
        release(channel);
      };
    },
  };
  return { pubsub, close: async () => subscriber.close() };
}

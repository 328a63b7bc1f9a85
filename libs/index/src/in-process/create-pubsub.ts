// Publish and subscribe in a single process.
import type { PubSub, IndexLog } from '../cache-index.ts';

export interface PubSubOptions {
  readonly log: IndexLog;
  /** Throws `index-unavailable` if the index cannot answer. */
  readonly checkAvailable: () => void;
}

export function createPubSub({ log, checkAvailable }: PubSubOptions): PubSub {
  /** Subscriptions by topic. Each is a separate object, so that the same listener can subscribe twice. */
  const topics = new Map<string, Set<{ readonly listener: (message: string | undefined) => void }>>();

  return {
    async publish(topic, message) {
      checkAvailable();
      // Calls listeners only after the caller's code has returned, because its state may be inconsistent before.
      await Promise.resolve();
      const subscriptions = topics.get(topic);
      if (subscriptions === undefined) return;
      // Copies the subscriptions, so that a subscription that a listener adds now receives only later messages.
      const current = [...subscriptions];
      for (const subscription of current) {
        if (!subscriptions.has(subscription)) continue;
        try {
          subscription.listener(message === '' ? undefined : message);
        } catch (error) {
          log.error({ err: error, topic }, 'announcement handler failed');
        }
      }
    },

    async subscribe(topic, listener) {
      checkAvailable();
      const subscription = { listener };
      const subscriptions = topics.get(topic) ?? new Set();
      topics.set(topic, subscriptions.add(subscription));
      return () => {
        subscriptions.delete(subscription);
        if (subscriptions.size === 0 && topics.get(topic) === subscriptions) topics.delete(topic);
      };
    },
  };
}

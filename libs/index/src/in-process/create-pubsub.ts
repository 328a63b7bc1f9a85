// Publish and subscribe within a single process.
import type { PubSub, IndexLog } from '../cache-index.ts';

export interface PubSubOptions {
  readonly log: IndexLog;
  /** Throws `index-unavailable` when the index cannot answer. */
  readonly checkAvailable: () => void;
}

export function createPubSub({ log, checkAvailable }: PubSubOptions): PubSub {
  /** Each subscription is an object of its own, so that one listener may subscribe twice. */
  const topics = new Map<string, Set<{ readonly listener: (message: string | undefined) => void }>>();

  return {
    async publish(topic, message) {
      checkAvailable();
      // Never call listeners inside the publisher's own call, which may hold half-made state.
      await Promise.resolve();
      const subscriptions = topics.get(topic);
      if (subscriptions === undefined) return;
      // Only current subscriptions: one that a listener adds now receives only later messages.
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

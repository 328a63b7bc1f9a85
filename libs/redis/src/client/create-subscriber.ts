// Keeps channels subscribed, whatever happens to the connections: one connection, or one for each node of a cluster, where
// MOVED tells which node has which channels (decision 0010).
import { setTimeout as delay } from 'node:timers/promises';
import { reconnectAfterMs } from './client-options.ts';
import type { SubscriberConnectors } from './connect-subscriber.ts';
import { openSubscription, type Subscription } from './open-subscription.ts';

export interface SubscriberOptions {
  /** Subscribe with SSUBSCRIBE. */
  readonly sharded: boolean;
  readonly connectors: SubscriberConnectors;
  /** A message came; without one, some may have been missed. */
  readonly onMessage: (channel: string, message?: string) => void;
}

export interface Subscriber {
  /** Resolves once messages of the channel arrive; rejects with what ioredis reports. Once for each channel. */
  add(channel: string): Promise<void>;
  remove(channel: string): void;
  /** Resolves when its connections are closed. */
  close(): Promise<void>;
}

const pingEveryMs = 2000;
const maxRedirections = 5;

export function createSubscriber({ sharded, connectors, onMessage }: SubscriberOptions): Subscriber {
  const connections = new Map<string, Subscription>();
  /** Each channel with the connection that has it; a symbol of its own while it is added. */
  const channels = new Map<string, Subscription | symbol | 'lost'>();
  /** Which node has the channels of a shard, as far as it was learned. */
  const nodes = new Map<string, string>();
  let isClosed = false;
  let isRestoring = false;

  const pinging = setInterval(() => {
    for (const connection of connections.values()) connection.ping();
  }, pingEveryMs).unref();

  function open(node: string): Subscription {
    if (isClosed) throw new Error('Connection is closed.');
    function onLoss(hasEnded: boolean): void {
      if (hasEnded) connections.delete(node);
      for (const [channel, carrier] of channels) if (carrier === connection) channels.set(channel, 'lost');
      void restore();
    }
    const connection = openSubscription({ redis: connectors.connect(node), sharded, onMessage, onLoss });
    connections.set(node, connection);
    return connection;
  }

  async function place(channel: string): Promise<void> {
    const shard = channelShard(channel);
    try {
      const node = nodes.get(shard) ?? connections.keys().next().value ?? connectors.anyNode();
      nodes.set(shard, await subscribeAt(node, channel));
    } catch (error) {
      nodes.delete(shard);
      throw error;
    }
  }

  /** Begins at `node` and resolves to the one that has the channel. */
  async function subscribeAt(node: string, channel: string): Promise<string> {
    let asked = node;
    for (let redirections = 0; redirections <= maxRedirections; redirections++) {
      const connection = connections.get(asked) ?? open(asked);
      await connection.ready;
      const movedTo = await connection.subscribe(channel);
      if (movedTo === undefined) {
        if (channels.has(channel)) channels.set(channel, connection);
        else connection.unsubscribe(channel);
        return asked;
      }
      asked = movedTo;
    }
    throw new Error('Too many Cluster redirections.');
  }

  async function restore(): Promise<void> {
    if (isRestoring) return;
    isRestoring = true;
    for (let attempt = 1; !isClosed; attempt++) {
      const lost = [...channels].flatMap(([channel, carrier]) => (carrier === 'lost' ? [channel] : []));
      if (lost.length === 0) break;
      const results = await Promise.allSettled(lost.map(restoreOne));
      if (results.some(({ status }) => status === 'rejected'))
        await delay(reconnectAfterMs(attempt), undefined, { ref: false });
    }
    isRestoring = false;
  }

  async function restoreOne(channel: string): Promise<void> {
    await place(channel);
    if (channels.has(channel)) onMessage(channel);
  }

  return {
    async add(channel) {
      const adding = Symbol('adding');
      channels.set(channel, adding);
      try {
        await place(channel);
      } catch (error) {
        // Unless it was removed and added again since.
        if (channels.get(channel) === adding) channels.delete(channel);
        throw error;
      }
    },
    remove(channel) {
      const carrier = channels.get(channel);
      channels.delete(channel);
      if (typeof carrier === 'object') carrier.unsubscribe(channel);
    },
    async close() {
      isClosed = true;
      clearInterval(pinging);
      await Promise.all([...connections.values()].map((connection) => connection.close()));
    },
  };
}

/** The hash tag of a channel. */
function channelShard(channel: string): string {
  return /\{[^}]*\}/.exec(channel)?.[0] ?? channel;
}

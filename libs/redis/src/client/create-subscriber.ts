// Keeps channels subscribed, whatever happens to the connections: one connection, or one for each node of a cluster, where
// MOVED says which node has which channels (decision 0010).
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { reconnectAfterMs } from './client-options.ts';
import { disconnectRedis, type SubscriberConnectors } from './connect-redis.ts';

export interface SubscriberOptions {
  /** Subscribe with SSUBSCRIBE. */
  readonly isSharded: () => boolean;
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

export function createSubscriber({ isSharded, connectors, onMessage }: SubscriberOptions): Subscriber {
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
    const connection = openSubscription({ redis: connectors.connect(node), sharded: isSharded(), onMessage, onLoss });
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
    let at = node;
    for (let redirections = 0; redirections <= maxRedirections; redirections++) {
      const connection = connections.get(at) ?? open(at);
      await connection.ready;
      const movedTo = await connection.subscribe(channel);
      if (movedTo === undefined) {
        if (channels.has(channel)) channels.set(channel, connection);
        else connection.unsubscribe(channel);
        return at;
      }
      at = movedTo;
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

interface SubscriptionOptions {
  /** Not connected yet, and not to reconnect. */
  readonly redis: Redis;
  readonly sharded: boolean;
  readonly onMessage: (channel: string, message: string) => void;
  /** Some of its channels are subscribed no more, and all of them when it has ended. */
  readonly onLoss: (hasEnded: boolean) => void;
}

interface Subscription {
  /** Rejects if it cannot be connected. */
  readonly ready: Promise<void>;
  /** Resolves to the address of the node that has the channel, if it is not this one; rejects with what ioredis reports. */
  subscribe(channel: string): Promise<string | undefined>;
  unsubscribe(channel: string): void;
  /** So that a connection that died without a word is found out. */
  ping(): void;
  close(): Promise<void>;
}

/** One connection that is subscribed to channels, until it ends. */
function openSubscription({ redis, sharded, onMessage, onLoss }: SubscriptionOptions): Subscription {
  /** Of ioredis' event `moved`: those that no command of ours has met. */
  let unexplainedMoves = 0;

  // Whatever the error is, the end follows, or the command that met it rejects.
  redis.on('error', () => {});
  redis.on(sharded ? 'smessage' : 'message', onMessage);
  redis.once('end', () => onLoss(true));
  // The server has ended subscriptions, because a slot has left it. But the event comes with our own redirections too.
  redis.on('moved', () => {
    unexplainedMoves += 1;
    setImmediate(() => {
      if (unexplainedMoves > 0) onLoss(false);
      unexplainedMoves = 0;
    });
  });

  return {
    ready: redis.connect(),
    async subscribe(channel) {
      try {
        await (sharded ? redis.ssubscribe(channel) : redis.subscribe(channel));
        return undefined;
      } catch (error) {
        const [, host = '', port] = /^MOVED \d+ (.*):(\d+)/.exec((error as Error).message) ?? [];
        if (port === undefined) throw error;
        unexplainedMoves -= 1;
        // Without a host it is the one that was asked.
        return `${host === '' ? redis.options.host : host}:${port}`;
      }
    },
    unsubscribe(channel) {
      // A connection that does not do it is given up, and the subscription with it.
      (sharded ? redis.sunsubscribe(channel) : redis.unsubscribe(channel)).catch(() => redis.disconnect());
    },
    ping: () => void redis.ping().catch(() => {}),
    close: async () => disconnectRedis(redis),
  };
}

// Keeps channels subscribed when connections fail. It uses one connection, or in a cluster one to each node. In a
// cluster a MOVED error names the node of a channel (decision 0010).
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { reconnectAfterMs } from './client-options.ts';
import { disconnectRedis, type SubscriberConnectors } from './connect-redis.ts';

export interface SubscriberOptions {
  /** Returns true if channels are subscribed with SSUBSCRIBE. */
  readonly isSharded: () => boolean;
  readonly connectors: SubscriberConnectors;
  /** Called for each message. A call without a message means that messages may have been missed. */
  readonly onMessage: (channel: string, message?: string) => void;
}

export interface Subscriber {
  /**
   * Subscribes to a channel. Call it at most once for each channel. Resolves when messages begin to arrive. Rejects
   * with the error of ioredis.
   */
  add(channel: string): Promise<void>;
  remove(channel: string): void;
  /** Closes the subscriber. Resolves when its connections are closed. */
  close(): Promise<void>;
}

const pingEveryMs = 2000;
const maxRedirections = 5;

export function createSubscriber({ isSharded, connectors, onMessage }: SubscriberOptions): Subscriber {
  const connections = new Map<string, Subscription>();
  /**
   * Each channel with the connection that is subscribed to it. While a channel is being added, it has a unique symbol
   * instead.
   */
  const channels = new Map<string, Subscription | symbol | 'lost'>();
  /** The node of each known shard. A shard is the hash tag of its channels. */
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

  async function subscribeToShard(channel: string): Promise<void> {
    const shard = channelShard(channel);
    try {
      const node = nodes.get(shard) ?? connections.keys().next().value ?? connectors.anyNode();
      nodes.set(shard, await subscribeAt(node, channel));
    } catch (error) {
      nodes.delete(shard);
      throw error;
    }
  }

  /**
   * Subscribes at `node`, or at the node to which `node` redirects. Resolves to the node that accepted the
   * subscription.
   */
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
    await subscribeToShard(channel);
    if (channels.has(channel)) onMessage(channel);
  }

  return {
    async add(channel) {
      const adding = Symbol('adding');
      channels.set(channel, adding);
      try {
        await subscribeToShard(channel);
      } catch (error) {
        // The channel may have been removed and added again in the meantime.
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

/** Returns the hash tag of a channel. */
function channelShard(channel: string): string {
  return /\{[^}]*\}/.exec(channel)?.[0] ?? channel;
}

interface SubscriptionOptions {
  /** An ioredis client that is not connected yet and does not reconnect. */
  readonly redis: Redis;
  readonly sharded: boolean;
  readonly onMessage: (channel: string, message: string) => void;
  /**
   * Called when some channels of the connection are no longer subscribed. `hasEnded` is true if the connection itself
   * has ended.
   */
  readonly onLoss: (hasEnded: boolean) => void;
}

interface Subscription {
  /** Resolves when Redis is connected. Rejects if the connection fails. */
  readonly ready: Promise<void>;
  /**
   * Subscribes to a channel. If another node serves the channel, resolves to the address of that node. Rejects with the
   * error of ioredis.
   */
  subscribe(channel: string): Promise<string | undefined>;
  unsubscribe(channel: string): void;
  /** Sends a ping, which detects a connection that failed silently. */
  ping(): void;
  close(): Promise<void>;
}

/** Opens one connection that is subscribed to channels until it ends. */
function openSubscription({ redis, sharded, onMessage, onLoss }: SubscriptionOptions): Subscription {
  /** The number of `moved` events of ioredis that none of our own commands has caused. */
  let unexplainedMoves = 0;

  // Errors are ignored here, because each one is followed by `end` or rejects its command.
  redis.on('error', () => {});
  redis.on(sharded ? 'smessage' : 'message', onMessage);
  redis.once('end', () => onLoss(true));
  // This event means that Redis has ended subscriptions because a hash slot has moved. But ioredis emits it for our own
  // redirections too, so these are subtracted.
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
        // A missing host means the host of this connection.
        return `${host === '' ? redis.options.host : host}:${port}`;
      }
    },
    unsubscribe(channel) {
      // If the command fails, the connection is closed, which also ends the subscription.
      (sharded ? redis.sunsubscribe(channel) : redis.unsubscribe(channel)).catch(() => redis.disconnect());
    },
    ping: () => void redis.ping().catch(() => {}),
    close: async () => disconnectRedis(redis),
  };
}

// One connection that is subscribed to channels, until it ends.
import type { Redis } from 'ioredis';
import { disconnectRedis } from './connect-redis.ts';

export interface SubscriptionOptions {
  /** Not connected yet, and not to reconnect. */
  readonly redis: Redis;
  readonly sharded: boolean;
  readonly onMessage: (channel: string, message: string) => void;
  /** Some of its channels are subscribed no more, and all of them when it has ended. */
  readonly onLoss: (hasEnded: boolean) => void;
}

export interface Subscription {
  /** Rejects if it cannot be connected. */
  readonly ready: Promise<void>;
  /** Resolves to the address of the node that has the channel, if it is not this one; rejects with what ioredis reports. */
  subscribe(channel: string): Promise<string | undefined>;
  unsubscribe(channel: string): void;
  /** So that a connection that died without a word is found out. */
  ping(): void;
  close(): Promise<void>;
}

export function openSubscription({ redis, sharded, onMessage, onLoss }: SubscriptionOptions): Subscription {
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

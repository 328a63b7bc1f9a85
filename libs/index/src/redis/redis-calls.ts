// How the parts of the index call Redis: every error is `index-unavailable`, none is slow, and calls that cannot succeed are
// not made.
import { CacheError } from '@cistern/errors';
import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { answersWithin } from '@cistern/redis';
import { type RedisClient, isTimeout, toIndexError } from '@cistern/redis/client';
import type { ScriptName } from './load-scripts.ts';

export interface RedisCalls {
  command<T>(send: (client: RedisClient) => Promise<T>): Promise<T>;
  /** Runs a script whose keys have one hash tag. */
  run(script: ScriptName, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Throws `index-unavailable` if the last call has just failed: for what needs no call of its own. */
  checkAnswering(): void;
  readonly isCluster: boolean;
  isConnected(): boolean;
  /** From now on every call rejects. */
  close(): void;
}

const justNowMs = 1000;

type ScriptCommands = Readonly<
  Record<ScriptName, (keyCount: number, ...keysAndArgs: (string | number)[]) => Promise<unknown>>
>;

/** Told of every call: how long it took, in milliseconds, and whether it was answered. */
export type OnRedisCall = (durationMs: number, isAnswered: boolean) => void;

export interface RedisCallsOptions {
  readonly client: RedisClient;
  readonly commandTimeoutMs: number;
  readonly onCall?: OnRedisCall | undefined;
}

export function createRedisCalls({ client, commandTimeoutMs, onCall = () => {} }: RedisCallsOptions): RedisCalls {
  // A server that hangs is found out by its connection; this is for one that answers, but too late, and would only be asked
  // for more.
  const breaker = circuitBreaker(handleWhen(isTimeout), {
    halfOpenAfter: 500,
    breaker: new ConsecutiveBreaker(5),
  });
  let lastFailure: { readonly error: unknown; readonly atMs: number } | undefined;
  let isClosed = false;

  function checkOpen(): void {
    if (isClosed) throw new CacheError('index-unavailable', 'The index is closed.');
  }

  async function command<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    checkOpen();
    const startedAt = performance.now();
    try {
      // Sent before this function first waits, so that calls reach a server in the order in which they were made.
      const result = await breaker.execute(() => answersWithin(commandTimeoutMs, send(client)));
      lastFailure = undefined;
      onCall(performance.now() - startedAt, true);
      return result;
    } catch (error) {
      onCall(performance.now() - startedAt, false);
      const cause = error instanceof BrokenCircuitError ? new Error('Command timed out', { cause: error }) : error;
      lastFailure = { error: toIndexError(cause), atMs: performance.now() };
      throw lastFailure.error;
    }
  }

  return {
    command,
    run: async (script, keys, args) =>
      command((target) => (target as unknown as ScriptCommands)[script](keys.length, ...keys, ...args)),
    checkAnswering() {
      checkOpen();
      if (lastFailure !== undefined && performance.now() - lastFailure.atMs < justNowMs) throw lastFailure.error;
    },
    isCluster: client.isCluster,
    isConnected: () => client.status === 'ready',
    close() {
      isClosed = true;
    },
  };
}

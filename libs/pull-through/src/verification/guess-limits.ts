// Limits guesses of credentials before they reach the upstream. Wrong passwords count by client network and account. All checks
// of callers that the upstream has not accepted count by network. After the upstream has accepted a caller from a network, that
// caller is not limited there.
import { createHmac } from 'node:crypto';
import { createFairQueue } from '@cistern/auth';
import type { LockOut, Tries, Try } from '@cistern/auth/lock-out';
import { CacheError } from '@cistern/errors';
import type { AccessMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';

/** Credentials that the upstream has not accepted from this network. */
interface Guess {
  /** The counted try. All checks with these credentials count as one try. */
  readonly counted: Promise<Try>;
  /** Frees the place in the queue, so that other credentials of the network can be checked. */
  readonly leave: () => void;
  /** The number of checks in progress with these credentials. */
  open: number;
  verdict: 'allowed' | 'refused' | undefined;
}

/** The counters, which all frontends share. */
export interface CallerTries {
  readonly guesses: LockOut;
  /** Counts checks of callers that are not accepted, by client network. */
  readonly questions: Pick<Tries, 'begin'>;
}

export interface GuessLimitsDeps extends CallerTries {
  /** The key of the HMACs that identify callers in memory and in the index. */
  readonly secret: string;
  /** Pairs of a caller and a network that an upstream has accepted. All nodes share them. */
  readonly accepted: { has(name: string): Promise<boolean>; note(name: string): void };
  readonly metrics: AccessMetrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Guesser {
  readonly upstream: string;
  readonly caller: CallerCredentials;
  /** The client's network. */
  readonly network: string;
}

/**
 * `unproven` means that the upstream allowed the read without a check of the credentials. `failed` means that the upstream gave
 * no verdict.
 */
export type Verdict = 'allowed' | 'unproven' | 'refused' | 'failed';

/**
 * Limits how many new credentials of one network are checked at one upstream at the same time. Each counts as a wrong try until
 * its verdict, so many right ones at the same time could lock out their account. With three at a time, three frontends together
 * stay below the ten tries of an account.
 */
const queueLimits = { atOnce: Infinity, atOncePerNetwork: 3, maxWaiting: 10_000, maxWaitingPerNetwork: 100 };
const maxRemembered = 100_000;
export const rememberAcceptedMs = 24 * 60 * 60 * 1000;
/** A little less than the period of the counter, because a try from before that period cannot be taken back. */
const rememberTriesMs = 590_000;

export function createGuessLimits(deps: GuessLimitsDeps) {
  const { guesses, questions, secret, accepted, metrics, now } = deps;
  const known = new LRUCache<string, true>({
    max: maxRemembered,
    ttl: rememberAcceptedMs,
    ttlResolution: 0,
    perf: { now },
  });
  const tried = createTriedGuesses(guesses, now);

  const nameOf = ({ upstream, caller, network }: Guesser) =>
    callerKey(secret, upstream, ['accepted v1', upstream, network], caller);

  function limited(upstream: string, reason: string, forMs: number): CacheError {
    metrics.accessChecks.inc({ upstream, result: 'limited' });
    const minutes = Math.ceil(forMs / 60_000);
    const message = `${reason} from your network. Requests to upstream "${upstream}" are allowed again in ${minutes} min.`;
    return new CacheError('client-rate-limited', message, { retryAfterMs: forMs });
  }

  const lockedOut = (upstream: string, forMs: number) =>
    limited(upstream, 'Too many wrong passwords or tokens came', forMs);

  function noteAccepted(name: string): void {
    if (known.has(name)) return;
    known.set(name, true);
    accepted.note(name);
  }

  return {
    /**
     * Rejects with `client-rate-limited` if the caller is locked out. `isAccepted` is true if a node remembers a grant of the
     * upstream for this caller.
     */
    async refuseLockedOut(guesser: Guesser, isAccepted: boolean): Promise<void> {
      const { upstream, caller, network } = guesser;
      if (caller.kind === 'anonymous') return;
      const name = nameOf(guesser);
      if (known.has(name)) return;
      const remainingMs = await guesses.remainingMs(network, accountOf(guesser));
      if (remainingMs > 0) {
        if (!(await accepted.has(name))) throw lockedOut(upstream, remainingMs);
        known.set(name, true);
      } else if (isAccepted) noteAccepted(name);
    },
    /**
     * Counts a check. Call it before each check at the upstream, and `end` after it. Rejects with `client-rate-limited` if the
     * caller is locked out, and with `overloaded` if too many checks wait.
     */
    async begin(guesser: Guesser): Promise<{ end(verdict: Verdict): Promise<void> }> {
      const { upstream, caller, network } = guesser;
      const name = nameOf(guesser);
      if (known.has(name)) return { async end() {} };
      const question = await questions.begin(network);
      if (question.remainingMs > 0)
        throw limited(upstream, 'Too many requests without a login came', question.remainingMs);
      const guess = caller.kind === 'anonymous' ? undefined : await tried.begin(guesser, name);
      if (typeof guess === 'number') throw lockedOut(upstream, guess);
      return {
        async end(verdict) {
          if (guess !== undefined && verdict === 'allowed') noteAccepted(name);
          if (guess !== undefined) await tried.end(name, guess, verdict);
          // An unproven grant still counts, because it costs the upstream as much as a refusal.
          if (verdict === 'failed' || verdict === 'allowed') await question.takeBack();
        },
      };
    },
  };
}

/** Counts each credential as one try, because a repeated wrong password is not another guess. */
function createTriedGuesses(guesses: LockOut, now: () => number) {
  const queue = createFairQueue({ ...queueLimits, refusal: tooManyWait });
  const tried = new LRUCache<string, Guess>({
    max: maxRemembered,
    ttl: rememberTriesMs,
    ttlResolution: 0,
    perf: { now },
  });

  function count(guesser: Guesser): Guess {
    const { upstream, network } = guesser;
    const left = Promise.withResolvers<void>();
    const counted = new Promise<Try>((resolve, reject) => {
      const inTurn = async () => {
        const counting = await guesses.begin(network, accountOf(guesser));
        resolve(counting);
        if (counting.remainingMs === 0) await left.promise;
      };
      queue.run(`${upstream} ${network}`, inTurn).catch(reject);
    });
    return { counted, leave: left.resolve, open: 0, verdict: undefined };
  }

  function forget(name: string, guess: Guess): void {
    if (tried.get(name) === guess) tried.delete(name);
  }

  return {
    /**
     * Counts the credentials one time. Concurrent checks with the same credentials wait for that count. If the caller is locked
     * out, it resolves to the milliseconds until the caller may try again.
     */
    async begin(guesser: Guesser, name: string): Promise<Guess | number> {
      const guess = tried.get(name) ?? count(guesser);
      if (!tried.has(name)) tried.set(name, guess);
      guess.open += 1;
      const { remainingMs } = await guess.counted.catch((error: unknown) => {
        forget(name, guess);
        throw error;
      });
      if (remainingMs === 0) return guess;
      forget(name, guess);
      return remainingMs;
    },
    async end(name: string, guess: Guess, verdict: Verdict): Promise<void> {
      guess.open -= 1;
      if (verdict === 'allowed') guess.verdict = verdict;
      else if (verdict === 'refused') guess.verdict ??= verdict;
      const isLast = guess.open === 0;
      if (isLast || guess.verdict !== undefined) guess.leave();
      if (!isLast || guess.verdict === 'refused') return;
      forget(name, guess);
      await (await guess.counted).takeBack();
    },
  };
}

/** Returns the account whose tries are counted. Tokens have none, so they count only by network. */
function accountOf({ upstream, caller }: Guesser): string | undefined {
  return caller.kind === 'password' ? `${upstream} ${caller.username}` : undefined;
}

function tooManyWait(): CacheError {
  const message = 'Too many new passwords or tokens of your network wait for their check. Try again in a moment.';
  return new CacheError('overloaded', message, { retryable: true });
}

/**
 * Returns a key of the index that depends on a caller's credentials. A reader of the index cannot test passwords against it
 * without the secret. `parts` name the purpose of the key, so that keys of other purposes differ.
 */
export function callerKey(
  secret: string,
  upstream: string,
  parts: readonly string[],
  caller: CallerCredentials,
): string {
  const text = JSON.stringify([...parts, ...credentialsOf(caller)]);
  return `access/${encodeURIComponent(upstream)}/${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

function credentialsOf(caller: CallerCredentials): readonly string[] {
  if (caller.kind === 'password') return [caller.kind, caller.username, caller.password];
  return caller.kind === 'token' ? [caller.kind, caller.token] : [caller.kind];
}

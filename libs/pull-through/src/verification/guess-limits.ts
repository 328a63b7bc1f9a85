// Bounds guesses before the upstream is asked. Wrong passwords are counted by client network and account, and all questions for
// callers that it has not accepted by network. A caller that it has accepted from a network goes on there.
import { createHmac } from 'node:crypto';
import { createFairQueue } from '@cistern/auth';
import type { LockOut, Tries, Try } from '@cistern/auth/lock-out';
import { CacheError } from '@cistern/errors';
import type { AccessMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';

/** Credentials that the upstream has not accepted from this network. */
interface Guess {
  /** All questions with these credentials are this one try. */
  readonly counted: Promise<Try>;
  /** Gives the turn to other credentials. */
  readonly leave: () => void;
  /** Questions that have no verdict yet. */
  open: number;
  verdict: 'allowed' | 'refused' | undefined;
}

/** Counts that all frontends share. */
export interface CallerTries {
  readonly guesses: LockOut;
  /** By client network. */
  readonly questions: Pick<Tries, 'begin'>;
}

export interface GuessLimitsDeps extends CallerTries {
  /** For the names of callers in memory and in the index. */
  readonly secret: string;
  /** Callers accepted from a network, as all nodes know it. */
  readonly accepted: { has(name: string): Promise<boolean>; note(name: string): void };
  readonly metrics: AccessMetrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Guesser {
  readonly upstream: string;
  readonly caller: CallerCredentials;
  /** The client's. */
  readonly network: string;
}

/** `unproven`: allowed without a look at the credentials. `failed`: the upstream gave no verdict. */
export type Verdict = 'allowed' | 'unproven' | 'refused' | 'failed';

/**
 * New credentials of one network at one upstream. They count until they have a verdict. Right ones may not use up the tries of
 * each other: three frontends together stay below the ten of an account.
 */
const queueLimits = { atOnce: Infinity, atOncePerNetwork: 3, maxWaiting: 10_000, maxWaitingPerNetwork: 100 };
const maxRemembered = 100_000;
export const rememberAcceptedMs = 24 * 60 * 60 * 1000;
/** A little less than the window in which tries are counted: a try that is over cannot be taken back. */
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

  function limited(upstream: string, what: string, forMs: number): CacheError {
    metrics.accessChecks.inc({ upstream, result: 'limited' });
    const minutes = Math.ceil(forMs / 60_000);
    const message = `${what} from your network. Upstream "${upstream}" is asked for it again in ${minutes} min.`;
    return new CacheError('client-rate-limited', message, { retryAfterMs: forMs });
  }

  const lockedOut = (upstream: string, forMs: number) =>
    limited(upstream, 'Too many wrong passwords or tokens have come', forMs);

  function noteAccepted(name: string): void {
    if (known.has(name)) return;
    known.set(name, true);
    accepted.note(name);
  }

  return {
    /**
     * Throws `client-rate-limited` if the caller may not be judged now, from memory neither. `isAccepted`: the upstream has
     * accepted it, as this node or another one remembers.
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
     * To be called before the upstream gets a question. Throws `client-rate-limited`, and `overloaded` if too many wait for their
     * turn.
     */
    async begin(guesser: Guesser): Promise<{ end(verdict: Verdict): Promise<void> }> {
      const { upstream, caller, network } = guesser;
      const name = nameOf(guesser);
      if (known.has(name)) return { async end() {} };
      const question = await questions.begin(network);
      if (question.remainingMs > 0)
        throw limited(upstream, 'Too many questions without a login have come', question.remainingMs);
      const guess = caller.kind === 'anonymous' ? undefined : await tried.begin(guesser, name);
      if (typeof guess === 'number') throw lockedOut(upstream, guess);
      return {
        async end(verdict) {
          if (guess !== undefined && verdict === 'allowed') noteAccepted(name);
          if (guess !== undefined) await tried.end(name, guess, verdict);
          // A yes to anybody costs the upstream as much as a no.
          if (verdict === 'failed' || verdict === 'allowed') await question.takeBack();
        },
      };
    },
  };
}

/** Credentials under their names, each counted as one try: the same wrong password again is no further guess. */
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
     * More questions with the same credentials at the same time wait until these are counted, too. Resolves to the milliseconds
     * for which the caller is locked out, if it is.
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

/** Tokens have no names that a client could choose. */
function accountOf({ upstream, caller }: Guesser): string | undefined {
  return caller.kind === 'password' ? `${upstream} ${caller.username}` : undefined;
}

function tooManyWait(): CacheError {
  const message = 'Too many new passwords or tokens of your network wait to be checked; try again in a moment.';
  return new CacheError('overloaded', message, { retryable: true });
}

/**
 * A key in the index that depends on a caller's credentials. Without the secret a reader of the index cannot try passwords on it.
 * `parts` say what the key is for, and keep it apart from all others.
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

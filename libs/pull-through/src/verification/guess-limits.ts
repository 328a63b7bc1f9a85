// Bounds guesses before the upstream is asked. Wrong passwords are counted by client network and account, and all questions for
// callers that it has not accepted by network. A caller that it has accepted from a network goes on there.
import { createFairQueue } from '@cistern/auth';
import type { LockOut, Tries, Try } from '@cistern/auth/lock-out';
import { CacheError } from '@cistern/errors';
import type { AccessMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';
import { callerKey } from '../access/caller-key.ts';

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

export interface GuessLimits {
  /**
   * Throws `client-rate-limited` if the caller may not be judged now, from memory neither. `isAccepted`: the upstream has accepted
   * it, as this node or another one remembers.
   */
  refuseLockedOut(guesser: Guesser, isAccepted: boolean): Promise<void>;
  /** To be called before the upstream is asked. Throws `client-rate-limited`, and `overloaded` if too many wait for their turn. */
  begin(guesser: Guesser): Promise<{ end(verdict: Verdict): Promise<void> }>;
}

/**
 * New credentials of one network at one upstream. They count until they have a verdict. Right ones may not use up the tries of
 * each other: three frontends together stay below the ten of an account.
 */
const queueLimits = { atOnce: Infinity, atOncePerNetwork: 3, maxWaiting: 10_000, maxWaitingPerNetwork: 100 };
const maxRemembered = 100_000;
export const rememberAcceptedMs = 24 * 60 * 60 * 1000;
/** A little less than the window in which tries are counted: a try that is over cannot be taken back. */
const rememberTriesMs = 590_000;

export function createGuessLimits(deps: GuessLimitsDeps): GuessLimits {
  const { guesses, questions, secret, accepted, metrics, now } = deps;
  const queue = createFairQueue({ ...queueLimits, refusal: tooManyWait });
  const memory = { max: maxRemembered, ttlResolution: 0, perf: { now } };
  const known = new LRUCache<string, true>({ ...memory, ttl: rememberAcceptedMs });
  /** The same wrong password again is no further guess. */
  const tried = new LRUCache<string, Guess>({ ...memory, ttl: rememberTriesMs });

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

  /** More questions with the same credentials at the same time wait until these are counted, too. */
  async function beginGuess(guesser: Guesser, name: string): Promise<Guess> {
    const guess = tried.get(name) ?? count(guesser);
    if (!tried.has(name)) tried.set(name, guess);
    guess.open += 1;
    const { remainingMs } = await guess.counted.catch((error: unknown) => {
      forget(name, guess);
      throw error;
    });
    if (remainingMs === 0) return guess;
    forget(name, guess);
    throw lockedOut(guesser.upstream, remainingMs);
  }

  async function endGuess(name: string, guess: Guess, verdict: Verdict): Promise<void> {
    guess.open -= 1;
    if (verdict === 'allowed') guess.verdict = verdict;
    else if (verdict === 'refused') guess.verdict ??= verdict;
    const isLast = guess.open === 0;
    if (isLast || guess.verdict !== undefined) guess.leave();
    if (verdict === 'allowed') noteAccepted(name);
    if (!isLast || guess.verdict === 'refused') return;
    forget(name, guess);
    await (await guess.counted).takeBack();
  }

  function forget(name: string, guess: Guess): void {
    if (tried.get(name) === guess) tried.delete(name);
  }

  function noteAccepted(name: string): void {
    if (known.has(name)) return;
    known.set(name, true);
    accepted.note(name);
  }

  return {
    async refuseLockedOut(guesser, isAccepted) {
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
    async begin(guesser) {
      const { upstream, caller, network } = guesser;
      const name = nameOf(guesser);
      if (known.has(name)) return { async end() {} };
      const question = await questions.begin(network);
      if (question.remainingMs > 0)
        throw limited(upstream, 'Too many questions without a login have come', question.remainingMs);
      const guess = caller.kind === 'anonymous' ? undefined : await beginGuess(guesser, name);
      return {
        async end(verdict) {
          if (guess !== undefined) await endGuess(name, guess, verdict);
          // A yes to anybody costs the upstream as much as a no.
          if (verdict === 'failed' || verdict === 'allowed') await question.takeBack();
        },
      };
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

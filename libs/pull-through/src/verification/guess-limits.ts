// Limits guesses before a request to the upstream. Wrong passwords count by client network and account. All checks of callers
// that the upstream has not accepted count by network. A caller once accepted from a network is not limited there.
import { createHmac } from 'node:crypto';
import { createFairQueue } from '@cistern/auth';
import type { LockOut, Tries, Try } from '@cistern/auth/lock-out';
import { CacheError } from '@cistern/errors';
import type { AccessMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';

/** Credentials that the upstream has not accepted from this network. */
interface Guess {
  /** All checks with these credentials count as this one try. */
  readonly counted: Promise<Try>;
  /** Frees the place in the queue for other credentials. */
  readonly leave: () => void;
  /** Checks without a verdict so far. */
  open: number;
  verdict: 'allowed' | 'refused' | undefined;
}

/** Counters that all frontends share. */
export interface CallerTries {
  readonly guesses: LockOut;
  /** Counts checks by client network. */
  readonly questions: Pick<Tries, 'begin'>;
}

export interface GuessLimitsDeps extends CallerTries {
  /** Keys the hashes that name callers in memory and in the index. */
  readonly secret: string;
  /** Callers accepted from a network, shared by all nodes. */
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

/** `unproven` means allowed without checking the credentials. `failed` means that the upstream gave no verdict. */
export type Verdict = 'allowed' | 'unproven' | 'refused' | 'failed';

/**
 * Limits new credentials of one network at one upstream. Each counts as a try until its verdict, so right ones could lock each
 * other out. Three frontends with these limits together stay below the ten tries of an account.
 */
const queueLimits = { atOnce: Infinity, atOncePerNetwork: 3, maxWaiting: 10_000, maxWaitingPerNetwork: 100 };
const maxRemembered = 100_000;
export const rememberAcceptedMs = 24 * 60 * 60 * 1000;
/** A little less than the window of the counter: a try that has left the window cannot be taken back. */
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
     * Throws `client-rate-limited` if the caller is locked out. `isAccepted` means that a node remembers a grant of the
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
     * Counts a check. Call it before each check at the upstream. Throws `client-rate-limited`, and `overloaded` if too many checks
     * wait.
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
          // An unproven grant still counts: it costs the upstream as much as a refusal.
          if (verdict === 'failed' || verdict === 'allowed') await question.takeBack();
        },
      };
    },
  };
}

/** Counts each credential as one try. The same wrong password again is not another guess. */
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
     * Counts the credentials once; concurrent checks with the same credentials wait for that. Resolves to the remaining
     * milliseconds if the caller is locked out.
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

/** Returns the account to count for. Tokens have no account name that a client could choose. */
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

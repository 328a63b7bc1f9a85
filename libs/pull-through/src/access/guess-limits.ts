// Bounds guesses before the upstream is asked. Wrong passwords are counted by client network and account, and all questions for
// callers that it has not accepted by network. A caller that it has accepted from a network goes on there.
import { createHmac } from 'node:crypto';
import { CacheError } from '@cistern/errors';
import type { AccessMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';
import { shownBy } from './shown-by.ts';

interface Try {
  /** Milliseconds until there are tries again; 0: this is one. */
  readonly remainingMs: number;
  takeBack(): Promise<void>;
}

interface Tried {
  /** Unset while it is being counted. */
  guess: Try | undefined;
  isRefused: boolean;
}

/** Counts that all frontends share. */
export interface CallerTries {
  readonly guesses: {
    remainingMs(network: string, account: string | undefined): Promise<number>;
    begin(network: string, account: string | undefined): Promise<Try>;
  };
  readonly questions: { begin(network: string): Promise<Try> };
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
  /** Throws `client-rate-limited` if the caller may not be judged now, from memory neither. */
  refuseLockedOut(guesser: Guesser): Promise<void>;
  /** To be called before the upstream is asked. Throws `client-rate-limited`. */
  begin(guesser: Guesser): Promise<{ end(verdict: Verdict): Promise<void> }>;
  /** The upstream has accepted the caller, as this node or another one remembers. */
  noteAccepted(guesser: Guesser): void;
}

const maxRemembered = 100_000;
const rememberAcceptedMs = 24 * 60 * 60 * 1000;
/** A little less than the window in which tries are counted: a try that is over cannot be taken back. */
const rememberTriesMs = 590_000;

export function createGuessLimits(deps: GuessLimitsDeps): GuessLimits {
  const { guesses, questions, secret, accepted, metrics, now } = deps;
  const memory = { max: maxRemembered, ttlResolution: 0, perf: { now } };
  const known = new LRUCache<string, true>({ ...memory, ttl: rememberAcceptedMs });
  /** The same wrong password again is no further guess. */
  const tried = new LRUCache<string, Tried>({ ...memory, ttl: rememberTriesMs });

  function nameOf({ upstream, caller, network }: Guesser): string {
    const text = JSON.stringify(['accepted v1', upstream, network, ...shownBy(caller)]);
    return `access/${encodeURIComponent(upstream)}/${createHmac('sha256', secret).update(text).digest('base64url')}`;
  }

  function limited(upstream: string, what: string, forMs: number): CacheError {
    metrics.accessChecks.inc({ upstream, result: 'limited' });
    const minutes = Math.ceil(forMs / 60_000);
    const message = `${what} from your network. Upstream "${upstream}" is asked for it again in ${minutes} min.`;
    return new CacheError('client-rate-limited', message, { retryAfterMs: forMs });
  }

  const lockedOut = (upstream: string, forMs: number) =>
    limited(upstream, 'Too many wrong passwords or tokens have come', forMs);

  /** Whether this question's credentials are counted by it, and not by an earlier one. */
  async function beginGuess(guesser: Guesser, name: string): Promise<boolean> {
    if (guesser.caller.kind === 'anonymous' || tried.has(name)) return false;
    const entry: Tried = { guess: undefined, isRefused: false };
    // At once: more questions with the same credentials at the same time are no more guesses.
    tried.set(name, entry);
    entry.guess = await guesses.begin(guesser.network, accountOf(guesser));
    const { remainingMs } = entry.guess;
    if (remainingMs === 0) return true;
    tried.delete(name);
    throw lockedOut(guesser.upstream, remainingMs);
  }

  async function endGuess(guesser: Guesser, name: string, isOwn: boolean, verdict: Verdict): Promise<void> {
    const entry = tried.get(name);
    if (verdict === 'refused' && guesser.caller.kind !== 'anonymous') {
      // The question that counted them may have failed since.
      const guess = entry?.guess ?? (await guesses.begin(guesser.network, accountOf(guesser)));
      tried.set(name, { guess, isRefused: true });
    }
    const isUnjudged = verdict === 'unproven' || verdict === 'failed';
    if (verdict !== 'allowed' && !(isUnjudged && isOwn && entry?.isRefused === false)) return;
    tried.delete(name);
    await entry?.guess?.takeBack();
    if (verdict === 'allowed') noteAccepted(guesser, name);
  }

  function noteAccepted({ caller }: Guesser, name: string): void {
    if (caller.kind === 'anonymous' || known.has(name)) return;
    known.set(name, true);
    accepted.note(name);
  }

  return {
    async refuseLockedOut(guesser) {
      const { upstream, caller, network } = guesser;
      if (caller.kind === 'anonymous') return;
      const name = nameOf(guesser);
      if (known.has(name)) return;
      const remainingMs = await guesses.remainingMs(network, accountOf(guesser));
      if (remainingMs === 0) return;
      if (!(await accepted.has(name))) throw lockedOut(upstream, remainingMs);
      known.set(name, true);
    },
    async begin(guesser) {
      const { upstream, network } = guesser;
      const name = nameOf(guesser);
      if (known.has(name)) return { async end() {} };
      const question = await questions.begin(network);
      if (question.remainingMs > 0)
        throw limited(upstream, 'Too many questions without a login have come', question.remainingMs);
      const isOwn = await beginGuess(guesser, name);
      return {
        async end(verdict) {
          await endGuess(guesser, name, isOwn, verdict);
          // A yes to anybody costs the upstream as much as a no.
          if (verdict === 'failed' || verdict === 'allowed') await question.takeBack();
        },
      };
    },
    noteAccepted: (guesser) => noteAccepted(guesser, nameOf(guesser)),
  };
}

/** Tokens have no names that a client could choose. */
function accountOf({ upstream, caller }: Guesser): string | undefined {
  return caller.kind === 'password' ? `${upstream} ${caller.username}` : undefined;
}

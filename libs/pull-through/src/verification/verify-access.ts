// Authorizes callers for upstreams with private content. The upstream decides. Its grant for a caller and a repository is
// remembered for some minutes. Credentials are not stored, and the remembered keys do not reveal them (decision 0034).
import type { ValueIndex } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { AccessMetrics } from '@cistern/telemetry';
import type { AccessGrant, CallerCredentials } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';
import { untilAborted, type Seal } from '@cistern/runtime';
import type { AccessQuestion, CheckAccess } from './check-access.ts';
import {
  callerKey,
  type CallerTries,
  createGuessLimits,
  type GuessLimitsDeps,
  rememberAcceptedMs,
  type Verdict,
} from './guess-limits.ts';

export interface VerifyAccessDeps {
  /** Returns the current settings of an upstream. `undefined` means that all callers may read the upstream. */
  readonly verifiedOf: (upstream: string) => VerifiedUpstream | undefined;
  readonly check: CheckAccess;
  readonly tries: CallerTries;
  /** Holds the grants that all nodes share. */
  readonly values: ValueIndex;
  readonly seal: Seal;
  /** The secret of the cluster, which is the same on all nodes. 16 bytes or more. */
  readonly secret: string;
  readonly metrics: AccessMetrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface VerifiedUpstream {
  /** A grant is valid only for the registry at this URL, because another registry has other rights. */
  readonly url: string;
  /** How many milliseconds a grant is remembered. */
  readonly rememberMs: number;
}

export interface AccessRequest extends Omit<AccessQuestion, 'caller' | 'network' | 'url'> {
  /** Unset if the upstream did not verify callers when the request was authorized. Such a caller is anonymous. */
  readonly caller?: CallerCredentials | undefined;
  /** The client's network. Default: one network that all clients of unknown networks share. */
  readonly network?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves if the caller may read. Rejects if not, and if the access could not be checked. */
export type VerifyAccess = (request: AccessRequest) => Promise<void>;

interface Granted extends AccessGrant {
  /** The end of the grant when it was given, in milliseconds since the epoch. */
  readonly untilMs: number;
  /** The time of the check, in milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** A grant as the index stores it. */
interface SharedGrant extends Granted {
  readonly schema: 1;
}

const maxRemembered = 100_000;
/** How long a refusal is remembered. It covers a client's next requests, but new rights apply almost immediately. */
const rememberNoMs = 2_000;
/**
 * How long a wrong password is remembered. This is longer, because upstreams lock an account after repeated wrong passwords.
 */
const rememberWrongMs = 10_000;

export function createVerifyAccess(deps: VerifyAccessDeps): VerifyAccess {
  const { verifiedOf, check, tries, secret, metrics, now } = deps;
  const granted = new LRUCache<string, Granted>({ max: maxRemembered });
  const refused = new LRUCache<string, CacheError>({ max: maxRemembered, ttlResolution: 0, perf: { now } });
  const inFlight = new Map<string, Promise<AccessGrant>>();
  const limits = createGuessLimits({ ...tries, secret, accepted: shareAccepted(deps), metrics, now });

  async function fromMemory(name: string, rememberMs: number): Promise<AccessGrant | undefined> {
    const own = granted.get(name);
    if (own !== undefined && isValid(own, rememberMs, now())) return own;
    // Another node may have stored a newer grant.
    const shared = await readShared(deps, name);
    if (shared === undefined || !isValid(shared, rememberMs, now())) return undefined;
    granted.set(name, shared);
    return shared;
  }

  async function checkAndShare(name: string, question: AccessQuestion, rememberMs: number): Promise<AccessGrant> {
    const sinceMs = now();
    const { isProven } = await check(question);
    const grant = { isProven, sinceMs, untilMs: sinceMs + rememberMs };
    granted.set(name, grant);
    await shareGrant(deps, name, grant);
    return grant;
  }

  /** Concurrent checks with the same key share one result, also a refusal. */
  function checkOnce(key: string, name: string, question: AccessQuestion, rememberMs: number): Promise<AccessGrant> {
    const known = inFlight.get(key);
    if (known !== undefined) return known;
    const { upstream, caller } = question;
    const running = checkAndShare(name, question, rememberMs)
      .then(
        (grant) => {
          metrics.accessChecks.inc({ upstream, result: 'allowed' });
          return grant;
        },
        (error: unknown) => {
          const isNo = verdictOf(error) === 'refused';
          metrics.accessChecks.inc({ upstream, result: isNo ? 'refused' : 'failed' });
          const isWrong = isCacheError(error, 'unauthenticated') && caller.kind === 'password';
          if (isNo) refused.set(key, error as CacheError, { ttl: isWrong ? rememberWrongMs : rememberNoMs });
          throw error;
        },
      )
      .finally(() => inFlight.delete(key));
    inFlight.set(key, running);
    return running;
  }

  async function checkWithinLimits(name: string, question: AccessQuestion, rememberMs: number): Promise<void> {
    const { subject, caller, network } = question;
    // Anonymous callers of different networks do not share a check, because it waits in the queue of one network.
    const of = caller.kind === 'anonymous' ? network : '';
    const key = `${name} ${JSON.stringify(subject)} ${of}`;
    const no = refused.get(key);
    if (no !== undefined) throw no;
    const known = inFlight.get(key);
    if (known !== undefined) return void (await known);
    const counted = await limits.begin(question);
    let verdict: Verdict = 'failed';
    try {
      const { isProven } = await checkOnce(key, name, question, rememberMs);
      verdict = isProven ? 'allowed' : 'unproven';
    } catch (error) {
      verdict = verdictOf(error);
      throw error;
    } finally {
      await counted.end(verdict);
    }
  }

  return async ({ upstream, repository, subject, caller: known, network = '', signal }) => {
    const verified = verifiedOf(upstream);
    if (verified === undefined) {
      if (known !== undefined) throw noLongerVerified(upstream);
      return;
    }
    const { url, rememberMs } = verified;
    const caller = known ?? { kind: 'anonymous' };
    const question = { upstream, repository, subject, caller, network, url };
    const nameFor = (scope: 'content' | 'tags') =>
      callerKey(secret, upstream, ['access v2', scope, upstream, repository, url], caller);
    const content = nameFor('content');
    // A grant to list tags is kept apart, because it does not allow reading content.
    const name = subject.kind === 'tags' ? nameFor('tags') : content;
    const grant =
      (await fromMemory(content, rememberMs)) ?? (name === content ? undefined : await fromMemory(name, rememberMs));
    // A grant that did not depend on the credentials reveals nothing to a guesser, so a lockout does not apply to it.
    if (grant?.isProven !== false) await limits.refuseLockedOut(question, grant !== undefined);
    if (grant !== undefined) return metrics.accessChecks.inc({ upstream, result: 'remembered' });
    await untilAborted(checkWithinLimits(name, question, rememberMs), signal);
  };
}

function verdictOf(error: unknown): Verdict {
  const isNo = isCacheError(error, 'unauthenticated', 'denied', 'manifest-unknown', 'blob-unknown', 'name-unknown');
  return isNo ? 'refused' : 'failed';
}

/** A reload may have shortened the time for which grants are remembered. */
function isValid({ untilMs, sinceMs }: Granted, rememberMs: number, nowMs: number): boolean {
  return untilMs > nowMs && sinceMs + rememberMs > nowMs;
}

/** A reload has changed the rights during the request. Neither the old nor the new ones have admitted the caller. */
function noLongerVerified(upstream: string): CacheError {
  const message = `The configuration of upstream "${upstream}" has changed. Try again.`;
  return new CacheError('overloaded', message, { retryable: true });
}

/**
 * Reads a grant from the index. It is encrypted and authenticated, so a writer to the index without the secret cannot forge a
 * grant.
 */
async function readShared({ values, seal }: VerifyAccessDeps, name: string): Promise<Granted | undefined> {
  const sealed = await values.get(name).catch(ignoreUnavailable);
  const text = sealed === undefined ? undefined : seal.open(name, sealed);
  if (text === undefined) return undefined;
  const { untilMs, sinceMs, isProven } = JSON.parse(text) as SharedGrant;
  return { untilMs, sinceMs, isProven };
}

async function shareGrant({ values, seal, now }: VerifyAccessDeps, name: string, grant: Granted): Promise<void> {
  const shared: SharedGrant = { schema: 1, ...grant };
  await values
    .put(name, seal.close(name, JSON.stringify(shared)), Math.max(1, grant.untilMs - now()))
    .catch(ignoreUnavailable);
}

function shareAccepted(deps: VerifyAccessDeps): GuessLimitsDeps['accepted'] {
  const { now } = deps;
  return {
    has: async (name) => ((await readShared(deps, name))?.untilMs ?? 0) > now(),
    // The caller does not wait for the write.
    note(name) {
      const sinceMs = now();
      const mark = { isProven: true, sinceMs, untilMs: sinceMs + rememberAcceptedMs };
      void shareGrant(deps, name, mark).catch(() => {});
    },
  };
}

function ignoreUnavailable(error: unknown): undefined {
  if (!isCacheError(error, 'index-unavailable')) throw error;
}

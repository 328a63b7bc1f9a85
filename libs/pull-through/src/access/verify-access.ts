// Who may read of an upstream whose content is not everybody's: whom that upstream lets read, which is asked once in some
// minutes for each caller and repository. What callers show is not kept; by what it was remembered nobody can tell it.
import { createHmac } from 'node:crypto';
import type { RepositoryKey, ValueIndex } from '@cistern/cache-index';
import { type CacheError, isCacheError } from '@cistern/errors';
import type { AccessMetrics } from '@cistern/telemetry';
import type { CallerCredentials } from '@cistern/upstream';
import { LRUCache } from 'lru-cache';
import { untilAborted } from '../until-aborted.ts';
import type { AccessQuestion, CheckAccess } from './check-access.ts';
import type { Seal } from './seal.ts';

export interface VerifyAccessDeps {
  /** How long a yes holds, in milliseconds; `undefined`: everybody may read all of the upstream. */
  readonly rememberMsOf: (upstream: string) => number | undefined;
  readonly check: CheckAccess;
  /** For what all nodes remember. */
  readonly values: ValueIndex;
  readonly seal: Seal;
  /** The same on all nodes; 16 bytes or more. */
  readonly secret: string;
  readonly metrics: AccessMetrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface AccessRequest extends Omit<AccessQuestion, 'caller'> {
  /** Default: anybody. */
  readonly caller?: CallerCredentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves if the caller may read. Whatever it rejects with is a no: nobody is let in because nobody could be asked. */
export type VerifyAccess = (request: AccessRequest) => Promise<void>;

interface Granted {
  readonly schema: 1;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

const maxRemembered = 100_000;
/** Of a no: so long that a client's next requests need not ask, so short that new rights are found at once. */
const rememberNoMs = 2_000;
/** Accounts are locked for wrong passwords that are shown again and again. */
const rememberWrongMs = 10_000;

export function createVerifyAccess(deps: VerifyAccessDeps): VerifyAccess {
  const { rememberMsOf, check, secret, metrics, now } = deps;
  const granted = new LRUCache<string, number>({ max: maxRemembered });
  const refused = new LRUCache<string, CacheError>({ max: maxRemembered, ttlResolution: 0, perf: { now } });
  const asking = new Map<string, Promise<void>>();

  async function isGranted(name: string): Promise<boolean> {
    if ((granted.get(name) ?? 0) > now()) return true;
    // Another node may have asked since.
    const untilMs = await readShared(deps, name);
    if (untilMs === undefined || untilMs <= now()) return false;
    granted.set(name, untilMs);
    return true;
  }

  async function ask(name: string, question: AccessQuestion, rememberMs: number): Promise<void> {
    const askedAtMs = now();
    await check(question);
    const untilMs = askedAtMs + rememberMs;
    granted.set(name, untilMs);
    await shareGrant(deps, name, untilMs);
  }

  /** Those who ask for the same at the same time share the answer, a no as well. */
  function askOnce(name: string, question: AccessQuestion, rememberMs: number): Promise<void> {
    const { upstream, subject, caller } = question;
    const key = `${name} ${JSON.stringify(subject)}`;
    const no = refused.get(key);
    if (no !== undefined) return Promise.reject(no);
    const known = asking.get(key);
    if (known !== undefined) return known;
    const running = ask(name, question, rememberMs)
      .then(
        () => metrics.accessChecks.inc({ upstream, result: 'allowed' }),
        (error: unknown) => {
          const isNo = isCacheError(
            error,
            'unauthenticated',
            'denied',
            'manifest-unknown',
            'blob-unknown',
            'name-unknown',
          );
          metrics.accessChecks.inc({ upstream, result: isNo ? 'refused' : 'failed' });
          const isWrong = isCacheError(error, 'unauthenticated') && caller.kind === 'password';
          if (isNo) refused.set(key, error, { ttl: isWrong ? rememberWrongMs : rememberNoMs });
          throw error;
        },
      )
      .finally(() => asking.delete(key));
    asking.set(key, running);
    return running;
  }

  return async ({ upstream, repository, subject, caller = { kind: 'anonymous' }, signal }) => {
    const rememberMs = rememberMsOf(upstream);
    if (rememberMs === undefined) return;
    const content = nameOf(secret, 'content', { upstream, repository }, caller);
    // Who may see which tags there are may not always read them.
    const name = subject.kind === 'tags' ? nameOf(secret, 'tags', { upstream, repository }, caller) : content;
    if ((await isGranted(content)) || (name !== content && (await isGranted(name))))
      return metrics.accessChecks.inc({ upstream, result: 'remembered' });
    await untilAborted(askOnce(name, { upstream, repository, subject, caller }, rememberMs), signal);
  };
}

/** Nobody who reads the index can try passwords on it without the secret. */
function nameOf(
  secret: string,
  what: 'content' | 'tags',
  { upstream, repository }: RepositoryKey,
  caller: CallerCredentials,
): string {
  const text = JSON.stringify(['access v1', what, upstream, repository, ...shownBy(caller)]);
  const identity = createHmac('sha256', secret).update(text);
  return `access/${encodeURIComponent(upstream)}/${identity.digest('base64url')}`;
}

function shownBy(caller: CallerCredentials): readonly string[] {
  if (caller.kind === 'password') return [caller.kind, caller.username, caller.password];
  return caller.kind === 'token' ? [caller.kind, caller.token] : [caller.kind];
}

/** Sealed: whoever can write to the index cannot let anybody in. */
async function readShared({ values, seal }: VerifyAccessDeps, name: string): Promise<number | undefined> {
  const sealed = await values.get(name).catch(unlessAway);
  const text = sealed === undefined ? undefined : seal.open(name, sealed);
  return text === undefined ? undefined : (JSON.parse(text) as Granted).untilMs;
}

async function shareGrant({ values, seal, now }: VerifyAccessDeps, name: string, untilMs: number): Promise<void> {
  const grant: Granted = { schema: 1, untilMs };
  await values.put(name, seal.close(name, JSON.stringify(grant)), Math.max(1, untilMs - now())).catch(unlessAway);
}

function unlessAway(error: unknown): undefined {
  if (!isCacheError(error, 'index-unavailable')) throw error;
}

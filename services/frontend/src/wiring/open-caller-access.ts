// Opens the access checks of upstreams that verify their callers.
import { randomBytes } from 'node:crypto';
import type { SharedTries } from '@cistern/auth';
import type { NodeConfig, ReloadableConfig } from '@cistern/config';
import {
  type CallerTries,
  type CheckAccess,
  createVerifyAccess,
  openRemoteAccess,
  type VerifyAccess,
  questionSeal,
} from '@cistern/pull-through';
import type { Logger } from '@cistern/telemetry';
import type { NodeContext } from '@cistern/runtime/process';
import { type Closers, createSeal, type Seal } from '@cistern/runtime';
import { peerTlsOf, type Shared, sharedTriesOf } from '@cistern/assembly';

/**
 * The most access checks of one network in ten minutes, for callers that the upstream has not accepted. If many clients share one
 * address, each repository causes about one check in each period of `rememberaccess`.
 */
const maxQuestions = 3000;

export interface CallerAccess {
  /** Resolves immediately for an upstream that does not verify callers. */
  readonly verifyAccess: VerifyAccess;
  /** Returns true if this upstream verifies callers. */
  readonly isVerified: (upstream: string) => boolean;
  /** Returns true if any upstream verifies callers. */
  readonly verifiesCallers: () => boolean;
  /** Encrypts the credentials of clients. */
  readonly callerSeal: Seal;
}

/** `check` is the check of this process, if it is a worker. */
export async function openCallerAccess(
  config: NodeConfig,
  { index, jobs }: Shared,
  { log, metrics, check }: NodeContext & { readonly check?: CheckAccess | undefined },
  closers: Closers,
): Promise<CallerAccess> {
  const { live, cluster, worker } = config;
  const verified = live.derive(
    ({ upstreams }) =>
      new Map(
        upstreams.flatMap(({ name, url, rememberAccessMs: rememberMs }) =>
          rememberMs === undefined ? [] : [[name, { url, rememberMs }] as const],
        ),
      ),
  );
  // A single process uses a random secret, because no other node has to decrypt its values.
  const secret = cluster?.secret.reveal() ?? randomBytes(32).toString('base64url');
  const openRemote = () =>
    closers.opened(
      openRemoteAccess({
        queue: jobs.queue,
        seal: questionSeal(secret),
        clusterSecret: secret,
        tls: peerTlsOf(worker),
        now: index.now,
      }),
    ).check;
  const openVerify = async () =>
    createVerifyAccess({
      verifiedOf: (upstream) => verified().get(upstream),
      check: check ?? openRemote(),
      tries: await openCallerTries(sharedTriesOf(config, index, 'caller'), log),
      values: index.values,
      seal: createSeal(secret, 'access'),
      secret,
      metrics,
      now: index.now,
    });
  // Most caches never need it. Once opened, it stays open for the requests in flight.
  let verify: VerifyAccess | undefined;
  const part = {
    name: 'the access checks',
    select: verifies,
    open: async (isNeeded: boolean) => void (verify ??= isNeeded ? await openVerify() : undefined),
  };
  await live.open(part, closers);
  return {
    callerSeal: createSeal(secret, 'caller tokens'),
    isVerified: (upstream) => verified().has(upstream),
    verifiesCallers: () => verified().size > 0,
    verifyAccess: async (request) => verify?.(request),
  };
}

function verifies({ upstreams }: ReloadableConfig): boolean {
  return upstreams.some((one) => one.rememberAccessMs !== undefined);
}

/** `shared` are the counters that all nodes share. If it is `undefined`, this node counts only its own requests. */
export async function openCallerTries(shared: SharedTries | undefined, log: Logger): Promise<CallerTries> {
  const { createLockOut, createTries } = await import('@cistern/auth/lock-out');
  return {
    guesses: createLockOut({ shared, log }),
    questions: createTries({ name: 'questions', max: maxQuestions, shared, log }),
  };
}

// Who may read of upstreams that verify their callers.
import { randomBytes } from 'node:crypto';
import type { Config } from '@cistern/config';
import {
  type CheckAccess,
  createVerifyAccess,
  openRemoteAccess,
  type Seal,
  type VerifyAccess,
} from '@cistern/pull-through';
import type { AssembleOptions } from './assemble-options.ts';
import type { Closers } from './closers.ts';
import { peerTlsOf } from './peer-tls-of.ts';
import type { Shared } from './open-shared.ts';
import { createSeal } from './seal.ts';

export interface CallerAccess {
  readonly verify: VerifyAccess;
  /** For what clients show. */
  readonly callerSeal: Seal;
}

/** `undefined` where everybody may read what is here. `check`: of this process, if it is a worker. */
export function openCallerAccess(
  { upstreams, cluster, worker }: Config,
  { index, jobs }: Shared,
  { metrics, check }: AssembleOptions & { readonly check?: CheckAccess | undefined },
  { opened }: Closers,
): CallerAccess | undefined {
  const rememberMs = new Map(upstreams.map(({ name, rememberAccessMs }) => [name, rememberAccessMs]));
  if ([...rememberMs.values()].every((one) => one === undefined)) return undefined;
  // Of a single process nobody else has to read anything.
  const secret = cluster?.secret.reveal() ?? randomBytes(32).toString('base64url');
  const remote = () =>
    opened(
      openRemoteAccess({
        queue: jobs.queue,
        seal: questionSeal(secret),
        clusterSecret: secret,
        tls: peerTlsOf(worker),
        now: Date.now,
      }),
    ).check;
  return {
    callerSeal: createSeal(secret, 'caller tokens'),
    verify: createVerifyAccess({
      rememberMsOf: (upstream) => rememberMs.get(upstream),
      check: check ?? remote(),
      values: index.values,
      seal: createSeal(secret, 'access'),
      secret,
      metrics,
      now: Date.now,
    }),
  };
}

/** Between a frontend and a worker. */
export function questionSeal(clusterSecret: string): Seal {
  return createSeal(clusterSecret, 'access questions');
}

// The clients of a run: their accounts and their behavior.
import { createOwner } from '../../world/owner.ts';
import type { Random } from '../../world/random.ts';
import type { FaultKind } from '../fault-plan.ts';
import type { Callers } from './callers.ts';
import type { Caller } from './judge-exchange.ts';
import type { Logins } from './logins.ts';
import type { Client } from './pull-image.ts';
import { users } from './rights.ts';

export interface ClientsOptions {
  readonly has: (kind: FaultKind) => boolean;
  readonly logins: Logins;
  readonly callers: Callers;
  /** True if an upstream verifies its callers. */
  readonly isGuarded: boolean;
  readonly random: Random;
}

export interface Clients {
  clientOf(clientName: string, port: number, caller: Caller): Client;
  /** `isVerified` means that the caller sends an account of the upstream that verifies its callers. */
  anyCaller(isVerified: boolean): Caller;
}

export function createClients({ has, logins, callers, isGuarded, random }: ClientsOptions): Clients {
  const owner = createOwner('clients');
  const leaves = has('clients leave');
  return {
    clientOf: (clientName, port, caller) => ({
      clientName,
      owner,
      port,
      caller,
      headersOf: (scope) => ({
        ...logins.headersOf(caller.user, scope),
        ...(caller.account !== undefined &&
          isGuarded && { authorization: `Basic ${Buffer.from(caller.account).toString('base64')}` }),
      }),
      slowness: has('clients slow') ? 0.3 : 0.02,
      leavesAfterMs: () => (leaves && random.chance(0.2) ? random(random.pick([300, 3_000])) : undefined),
      random,
    }),
    anyCaller: (isVerified) => ({
      user: random.chance(0.4) ? 'ada' : random.pick(users),
      account: isVerified ? random.pick(callers.names) : undefined,
    }),
  };
}

// The settings of clients that a reload can change, in the form in which handlers use them. Handlers may keep these objects,
// because each call uses the current settings.
import {
  type Authenticator,
  type Authorize,
  type ClientLimits,
  createAddressList,
  createAuthorize,
  followAuthenticator,
  unlimited,
} from '@cistern/auth';
import type { NodeConfig, ReloadableConfig } from '@cistern/config';
import { redisOf } from '@cistern/assembly';
import type { Closers } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import { createUpstreamTable, type UpstreamTable } from '@cistern/upstream';
import type { TokenServer } from '../token/add-token-routes.ts';
import { type AccessParts, openAccess } from './open-access.ts';

export interface ClientSettings {
  readonly authenticator: Authenticator;
  /** Returns `undefined` if this cache issues no access tokens: clients send their credentials with every request. */
  readonly tokenServer: () => TokenServer | undefined;
  readonly authorize: Authorize;
  readonly upstreams: UpstreamTable;
  readonly limits: ClientLimits;
  /** Returns the most connections of one client, or `undefined` for no limit. */
  readonly maxConnections: () => number | undefined;
  /** Returns true if the client with this address has no limits. */
  readonly isExcepted: (clientIp: string) => boolean;
  /** Returns true if the client with this address has no limits of requests and bytes, or if there are no such limits. */
  readonly isUnlimited: (clientIp: string) => boolean;
  /** Returns another value after each reload. */
  readonly revision: () => unknown;
}

/** Rejects with ConfigError if a file is invalid. */
export async function openClientSettings(
  config: NodeConfig,
  parts: AccessParts,
  log: Logger,
  closers: Closers,
): Promise<ClientSettings> {
  const { live } = config;
  const access = await openAccess(config, parts, log, closers);
  const table = live.derive((settings) => createUpstreamTable(settings.upstreams));
  const authorize = live.derive((settings) => createAuthorize(settings.access));
  const limits = await openLimits(config, parts, log, closers);
  const exceptions = live.derive((settings) => createAddressList(settings.limits.exceptNetworks));
  return {
    authenticator: followAuthenticator(() => access().authenticator),
    tokenServer: () => access().tokenServer,
    authorize: (caller, attempt) => authorize()(caller, attempt),
    upstreams: {
      nameOf: (name) => table().nameOf(name),
      resolve: (request) => table().resolve(request),
    },
    limits: {
      admit: (client) => limits().admit(client),
      takeBack: (client) => limits().takeBack(client),
      note: (client, bytes) => limits().note(client, bytes),
    },
    maxConnections: live.derive((settings) => settings.limits.connections),
    isExcepted: (clientIp) => exceptions()(clientIp),
    isUnlimited: (clientIp) => limits() === unlimited || exceptions()(clientIp),
    revision: live.derive(() => Symbol('revision')),
  };
}

/** Opens the limits of clients. Nodes that use the same Redis share their counters. */
function openLimits(
  config: NodeConfig,
  { index }: Pick<AccessParts, 'index'>,
  log: Logger,
  closers: Closers,
): Promise<() => ClientLimits> {
  const part = {
    name: 'the limits of clients',
    select: ({ limits: { requestsPerMinute, bytesPerDay } }: ReloadableConfig) => ({ requestsPerMinute, bytesPerDay }),
    async open(selected: Pick<ReloadableConfig['limits'], 'requestsPerMinute' | 'bytesPerDay'>): Promise<ClientLimits> {
      if (selected.requestsPerMinute === undefined && selected.bytesPerDay === undefined) return unlimited;
      const { createClientLimits } = await import('@cistern/auth/limits');
      return createClientLimits({ ...selected, shared: redisOf(config, index), log });
    },
  };
  return config.live.open(part, closers);
}

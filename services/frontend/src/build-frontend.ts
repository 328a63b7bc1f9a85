// The pull API as an HTTP server that does not listen yet: whoever builds it calls `listen` and `close`.
import type { Seal } from '@cistern/runtime';
import type { Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { type AccessTokens, createAddressList, unlimited } from '@cistern/auth';
import type { Metrics, Tracing } from '@cistern/telemetry';
import type { ServerTls } from '@cistern/tls';
import { OciSyntaxError } from '@cistern/oci';
import { fastify, type FastifyInstance } from 'fastify';
import { addCallerTokens, createCallerTokens } from './callers/caller-tokens.ts';
import { addRequestHooks, createRequestIds, createRequestStart, refuseUnknownPath } from './hooks/add-request-hooks.ts';
import type { RequestFactsOptions } from './hooks/request-facts.ts';
import { limitConnections } from './hooks/limit-connections.ts';
import { acceptProxiedConnections } from './proxy-protocol/accept-proxied-connections.ts';
import { serverOptions } from './http/server-options.ts';
import { addV2Routes } from './v2/dispatch.ts';
import type { V2Dependencies } from './v2/v2-dependencies.ts';
import { replyWithError } from './http/error-reply.ts';
import { commonHeaders } from './http/answer.ts';
import { addTokenRoutes } from './token/add-token-routes.ts';
import { addWebhookRoutes, type WebhookDependencies } from './webhooks/add-webhook-routes.ts';

type SharedOptions = 'pullThrough' | 'upstreams' | 'authenticator' | 'authorize' | 'limits' | 'pageSeal' | 'instanceId';

export interface FrontendOptions extends Pick<V2Dependencies, SharedOptions>, RequestFactsOptions {
  /** How many connections one address may have, trusted proxies apart; absent: any number. */
  readonly maxConnections?: number | undefined;
  /** Clients of these networks (addresses and CIDRs) are held to none of these limits. */
  readonly unlimitedNetworks?: readonly string[] | undefined;
  /** Gives out access tokens at `/token`; absent: there is no such place. */
  readonly tokenServer?: { readonly accessTokens: AccessTokens; readonly realm: string } | undefined;
  /** Seals what clients show upstreams that verify them; absent: no upstream does. */
  readonly callerSeal?: Seal | undefined;
  readonly metrics: Metrics;
  /** Absent: nobody wants traces. */
  readonly tracing?: Tracing | undefined;
  /** Added to every answer (registry:2's `http.headers`). */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Addresses and CIDRs whose `X-Forwarded-For`, `-Proto` and `-Host` are believed. */
  readonly trustedProxies: readonly string[];
  /** Connections from `trustedProxies` begin with a PROXY protocol header that tells the client's address. */
  readonly proxyProtocol?: boolean | undefined;
  /** Serves HTTPS with this; absent: HTTP. */
  readonly tls?: ServerTls | undefined;
  /**
   * A client that takes no byte of a blob for this long is cut off, for it holds a buffer that others could use. Much less
   * than the default cuts slow lines: Linux calls a socket writable again only once a third of its send buffer is free.
   */
  readonly clientStallMs?: number;
  /** Clients of these networks (addresses and CIDRs) are not sent to the store. */
  readonly redirectExcept?: readonly string[] | undefined;
  /** Clients of these networks alone may have upstream asked by `Cache-Control`; absent: all may. */
  readonly revalidateFrom?: readonly string[] | undefined;
  /**
   * How long a client that has nowhere else to go waits for an upstream that throttles. The default lies above the first
   * pause that such an upstream is given.
   */
  readonly patienceMs?: number;
  /** Where upstreams tell of pushes, and to whom that is passed on; absent: nowhere. */
  readonly webhooks?: Omit<WebhookDependencies, 'metrics'> | undefined;
}

export function buildFrontend(options: FrontendOptions): FastifyInstance {
  const { tls, log, trustedProxies, proxyProtocol = false, clientStallMs = 120_000, patienceMs = 10_000 } = options;
  const startRequest = createRequestStart(options, commonHeaders(options.headers));
  const app = fastify({
    ...serverOptions,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    genReqId: createRequestIds(),
    ...(tls !== undefined && { https: { ...serverOptions.http, ...tls.options } }),
    // A URL that cannot be decoded: the router gives up before any hook.
    frameworkErrors(_error, request, reply) {
      startRequest(request, reply);
      replyWithError(new OciSyntaxError('NAME_INVALID', 'the path of the URL cannot be decoded'), request, reply);
    },
  });
  if (tls !== undefined) tls.serve(app.server as unknown as TlsServer);
  const { maxConnections, unlimitedNetworks = [], metrics } = options;
  /** Whose address a PROXY header has given. */
  const named = new WeakSet<Socket>();
  if (maxConnections !== undefined) {
    const isExcepted = createAddressList(unlimitedNetworks);
    const isProxy = createAddressList(trustedProxies);
    // A client may have an address in the networks of proxies. A proxy on a Unix socket has none.
    const isUnlimited = (socket: Socket) => {
      const { remoteAddress } = socket;
      return remoteAddress === undefined || isExcepted(remoteAddress) || (!named.has(socket) && isProxy(remoteAddress));
    };
    limitConnections(app.server, { max: maxConnections, isUnlimited, metrics });
  }
  if (proxyProtocol)
    acceptProxiedConnections(app.server, { trustedProxies, log, onNamed: (socket) => named.add(socket) });
  addRequestHooks(app, startRequest, options.tracing);
  app.setErrorHandler(replyWithError);
  app.setNotFoundHandler(refuseUnknownPath);
  // registry:2 is alive at the root too, and load balancers ask for it there.
  app.route({ method: ['GET', 'HEAD'], url: '/', handler: (_request, reply) => reply.send() });
  const callerTokens = options.callerSeal && createCallerTokens({ seal: options.callerSeal, now: options.now });
  const isUnlimited = options.limits === unlimited ? () => true : createAddressList(unlimitedNetworks);
  if (callerTokens !== undefined) addCallerTokens(app, callerTokens, { ...options, isUnlimited });
  const readsHere = createAddressList(options.redirectExcept ?? []);
  const mayRevalidate = options.revalidateFrom === undefined ? () => true : createAddressList(options.revalidateFrom);
  addV2Routes(app, {
    ...options,
    clientStallMs,
    readsHere,
    mayRevalidate,
    isUnlimited,
    callerTokens,
    waiting: { patienceMs },
  });
  if (options.tokenServer !== undefined) addTokenRoutes(app, { ...options, ...options.tokenServer, isUnlimited });
  if (options.webhooks !== undefined) addWebhookRoutes(app, { ...options.webhooks, metrics: options.metrics });
  return app;
}

// Builds the pull API as an HTTP server that does not listen yet. The caller makes it listen, and closes it.
import type { Seal } from '@cistern/runtime';
import type { Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { createAddressList, unlimited } from '@cistern/auth';
import type { Metrics, Tracing } from '@cistern/telemetry';
import type { ServerTls } from '@cistern/tls';
import { OciSyntaxError } from '@cistern/oci';
import { fastify, type FastifyInstance } from 'fastify';
import { createCallerTokens } from './callers/caller-tokens.ts';
import { answerFromMemory } from './from-memory/answer-from-memory.ts';
import { addRequestHooks, createRequestIds, createRequestStart, refuseUnknownPath } from './hooks/add-request-hooks.ts';
import { createRequestReport, type RequestFactsOptions } from './hooks/request-facts.ts';
import { limitConnections } from './hooks/limit-connections.ts';
import { acceptProxiedConnections } from './proxy-protocol/accept-proxied-connections.ts';
import { serverOptions } from './http/server-options.ts';
import { addV2Routes } from './v2/dispatch.ts';
import type { V2Dependencies } from './v2/v2-dependencies.ts';
import { replyWithError } from './http/error-reply.ts';
import { commonHeaders } from './http/answer.ts';
import { addTokenRoutes, type TokenServer } from './token/add-token-routes.ts';
import { addWebhookRoutes, type WebhookDependencies } from './webhooks/add-webhook-routes.ts';

type SharedOptions = 'pullThrough' | 'upstreams' | 'authenticator' | 'authorize' | 'limits' | 'pageSeal' | 'instanceId';

export interface FrontendOptions extends Pick<V2Dependencies, SharedOptions>, RequestFactsOptions {
  /**
   * Returns the most open connections of one client address (in IPv6: one network), or `undefined` for no limit. Connections of
   * trusted proxies do not count.
   */
  readonly maxConnections?: (() => number | undefined) | undefined;
  /** Returns true if the client with this address is exempt from `maxConnections`. */
  readonly isExcepted?: ((clientIp: string) => boolean) | undefined;
  /** Returns true if the client with this address is exempt from `limits`. Default: only if there are none. */
  readonly isUnlimited?: ((clientIp: string) => boolean) | undefined;
  /** Returns the issuer of access tokens at `/token`, or `undefined` if there is none. */
  readonly tokenServer?: (() => TokenServer | undefined) | undefined;
  /** Encrypts the credentials of clients for upstreams that verify callers. Unset means that no upstream verifies callers. */
  readonly callerSeal?: Seal | undefined;
  /** Returns true if any upstream verifies callers. Default: true if there is a `callerSeal`. */
  readonly verifiesCallers?: (() => boolean) | undefined;
  /** Returns true if this upstream verifies callers. Default: the same for all upstreams. */
  readonly isVerified?: ((upstream: string) => boolean) | undefined;
  /** Returns another value after each reload of the configuration. Default: there are no reloads. */
  readonly revision?: (() => unknown) | undefined;
  readonly metrics: Metrics;
  /** Unset means that tracing is off. */
  readonly tracing?: Tracing | undefined;
  /** Headers of every response (registry:2's `http.headers`). */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Addresses and CIDRs whose `X-Forwarded-For`, `-Proto` and `-Host` are trusted. */
  readonly trustedProxies: readonly string[];
  /** True if connections from `trustedProxies` begin with a PROXY protocol header, which contains the client's address. */
  readonly proxyProtocol?: boolean | undefined;
  /** The TLS settings of HTTPS. Unset means HTTP. */
  readonly tls?: ServerTls | undefined;
  /**
   * A client that reads no byte of a blob for this long is disconnected, because it holds a buffer that others could use. The
   * time must not be much shorter, or clients that are only slow are disconnected too. The reason is that Linux reports a socket
   * as writable again only when a third of its send buffer is free.
   */
  readonly clientStallMs?: number;
  /** Networks (addresses and CIDRs) whose clients are not redirected to the store. */
  readonly redirectExcept?: readonly string[] | undefined;
  /** Networks whose clients are allowed to force a revalidation with `Cache-Control`. Unset means all networks. */
  readonly revalidateFrom?: readonly string[] | undefined;
  /**
   * How long a request waits for an upstream that throttles. It waits only if its client cannot fall back to the origin (prefix
   * mode). The default is longer than the first back-off for such an upstream.
   */
  readonly maxWaitMs?: number;
  /** The webhooks to which upstreams report pushes. Unset means no webhooks. */
  readonly webhooks?: Omit<WebhookDependencies, 'metrics'> | undefined;
}

export function buildFrontend(options: FrontendOptions): FastifyInstance {
  const { tls, log, trustedProxies, proxyProtocol = false, clientStallMs = 120_000, maxWaitMs = 10_000 } = options;
  const headers = commonHeaders(options.headers);
  const report = createRequestReport(options);
  const requestId = createRequestIds();
  const startRequest = createRequestStart(options, report, headers);
  const app = fastify({
    ...serverOptions,
    trustProxy: trustedProxies.length > 0 && [...trustedProxies],
    genReqId: (request) => requestId(request.headers['x-request-id']),
    ...(tls !== undefined && { https: { ...serverOptions.http, ...tls.options } }),
    // If the router cannot decode a URL, it fails before it runs any hook. So this handler has to create the record of the
    // request.
    frameworkErrors(_error, request, reply) {
      startRequest(request, reply);
      replyWithError(new OciSyntaxError('NAME_INVALID', 'the path of the URL cannot be decoded'), request, reply);
    },
  });
  if (tls !== undefined) tls.serve(app.server as unknown as TlsServer);
  // By default Node.js discards all fields after the 1,000th, and they could include a proxy's `X-Forwarded-For`.
  app.server.maxHeadersCount = 0;
  const { maxConnections, isExcepted = () => false, metrics } = options;
  /** Sockets whose client address comes from a PROXY header. */
  const proxiedSockets = new WeakSet<Socket>();
  if (maxConnections !== undefined) {
    const isProxy = createAddressList(trustedProxies);
    // A PROXY header may name a client whose address is in the networks of proxies. This client is limited, because its socket is
    // in `proxiedSockets`. A proxy on a Unix socket has no address, and is not limited.
    const isUncounted = ({ remoteAddress }: Socket, isProxied: boolean) =>
      remoteAddress === undefined || (!isProxied && isProxy(remoteAddress));
    limitConnections(app.server, {
      max: () => maxConnections() ?? Infinity,
      isUncounted: (socket) => isUncounted(socket, proxiedSockets.has(socket)),
      isExcepted,
      metrics,
    });
  }
  if (proxyProtocol)
    acceptProxiedConnections(app.server, {
      trustedProxies,
      log,
      onClientKnown: (socket) => proxiedSockets.add(socket),
    });
  addRequestHooks(app, startRequest, options.tracing);
  app.setErrorHandler(replyWithError);
  app.setNotFoundHandler(refuseUnknownPath);
  // Load balancers check the health of registry:2 at the root.
  app.route({ method: ['GET', 'HEAD'], url: '/', handler: (_request, reply) => reply.send() });
  const sealed = options.callerSeal && createCallerTokens({ seal: options.callerSeal, now: options.now });
  const callerTokens = () => (options.verifiesCallers?.() === false ? undefined : sealed);
  const isUnlimited = options.isUnlimited ?? (() => options.limits === unlimited);
  const skipsRedirect = createAddressList(options.redirectExcept ?? []);
  const mayRevalidate = options.revalidateFrom === undefined ? () => true : createAddressList(options.revalidateFrom);
  const pulls: V2Dependencies = {
    ...options,
    clientStallMs,
    skipsRedirect,
    mayRevalidate,
    isUnlimited,
    callerTokens,
    isVerified: options.isVerified ?? (() => true),
    revision: options.revision ?? (() => undefined),
    waiting: { maxWaitMs },
  };
  addV2Routes(app, pulls);
  // A trace begins in a hook of Fastify.
  if (options.tracing === undefined)
    answerFromMemory(app, { ...pulls, headers, trustedProxies, proxyProtocol, requestId, report, now: options.now });
  const { tokenServer = () => undefined } = options;
  addTokenRoutes(app, { ...options, callerTokens, tokenServer, isUnlimited });
  if (options.webhooks !== undefined) addWebhookRoutes(app, { ...options.webhooks, metrics: options.metrics });
  return app;
}

// The section `http`: the listener for clients, and the listener for metrics and health.
import type { z } from 'zod';
import type { ListenAddress } from '@cistern/runtime/process';
import { isHeader } from '../values/header-syntax.ts';
import { choice, duration, flag, listOf, mapOf, network, section, text } from '../values/values.ts';
import { readListener, readTcpAddress, type SectionContext } from './context.ts';
import { buildTls, tlsSection } from './tls.ts';

export const httpSection = section('The listener for clients.', {
  addr: text('The address to listen on: `host:port` or `:port`. With `net: unix` the path of a socket.').prefault(
    ':5000',
  ),
  net: choice('The type of `addr`.', ['tcp', 'unix']).prefault('tcp'),
  headers: mapOf(
    'Headers of every response, each with a list of values.',
    listOf('Values of one header.', text('A value.')),
  ).prefault({}),
  draintimeout: duration('The time for requests in flight to end when the process shuts down.').prefault('60s'),
  trustedproxies: listOf(
    'Proxies and load balancers whose `X-Forwarded-For`, `-Proto` and `-Host` are trusted; `[]` for none.',
    network('Addresses of a proxy.'),
  ).prefault(['127.0.0.0/8', '::1/128']),
  reuseport: flag(
    'Allows several processes of one machine to listen on `http.addr`. The kernel distributes connections among them.',
  ).prefault('false'),
  proxyprotocol: flag(
    'Requires the PROXY protocol (versions 1 and 2) from `http.trustedproxies`, and takes the address of the client from it.',
  ).prefault('false'),
  revalidatefrom: listOf(
    {
      text: 'Networks of clients that may request a confirmation by the upstream with `Cache-Control: no-cache` or `max-age`; `[]` for none.',
      default: 'all networks',
    },
    network('Addresses of clients.'),
  ).optional(),
  tls: tlsSection,
  debug: section('Metrics (`/metrics`) and health (`/healthz`, `/readyz`), on their own listener.', {
    addr: text({
      text: 'The address to listen on. `""` disables the listener. A default address in use is no error. On a loopback address, metrics are served only if the `Host` is `localhost` or a loopback address.',
      default: '`127.0.0.1:5001`, only for this machine; with `redis` `:5001`, for the nodes of a cluster',
    }).optional(),
    prometheus: section('Metrics for Prometheus.', {
      enabled: flag({
        text: 'Enables the metrics.',
        default: '`true`; `false` if `http.debug.addr` is set, as in registry:2',
      }).optional(),
      path: text('The path of the metrics.').prefault('/metrics'),
    }),
  }),
});

export type HttpConfig = Readonly<ReturnType<typeof buildHttp>>;

/**
 * If `isCluster` is true, other machines read this node's health and metrics. So the default address of `http.debug`
 * then accepts connections from other machines.
 */
export function buildHttp(http: z.output<typeof httpSection>, isCluster: boolean, context: SectionContext) {
  for (const [name, values] of Object.entries(http.headers)) checkHeader(context, name, values);
  const { addr, prometheus } = http.debug;
  if (!/^\/[\w./-]+$/.test(prometheus.path))
    context.report('http.debug.prometheus.path', 'must be a path such as /metrics');
  if (http.proxyprotocol && http.trustedproxies.length === 0)
    context.report(
      'http.proxyprotocol',
      'needs trusted load balancers: list them in http.trustedproxies, for example [10.0.0.0/8]',
    );
  return {
    address: addressOf(http, context),
    /** The names of the headers keep the case of the configuration. */
    headers: http.headers,
    drainTimeoutMs: http.draintimeout,
    /** Networks of the trusted proxies, in CIDR notation. */
    trustedProxies: http.trustedproxies,
    /** True if other processes may listen on the same address. */
    reusePort: http.reuseport,
    /** True if `trustedProxies` must send the PROXY protocol. */
    proxyProtocol: http.proxyprotocol,
    /**
     * Networks of clients that may request a confirmation by the upstream with `Cache-Control`, in CIDR notation.
     * `undefined` means all networks.
     */
    revalidateFrom: http.revalidatefrom,
    /** `undefined` means plain HTTP. */
    tls: http.tls && buildTls(http.tls, context),
    debug: {
      ...readListener(context, 'http.debug.addr', addr, isCluster ? ':5001' : '127.0.0.1:5001'),
      prometheus: { enabled: prometheus.enabled ?? addr === undefined, path: prometheus.path },
    },
  };
}

function addressOf({ net, addr }: z.output<typeof httpSection>, context: SectionContext): ListenAddress {
  return net === 'unix' ? { kind: 'unix', path: addr } : readTcpAddress(context, 'http.addr', addr);
}

function checkHeader(context: SectionContext, name: string, values: readonly string[]): void {
  if (isHeader(name, '') && values.every((value) => isHeader(name, value))) return;
  context.report(
    `http.headers.${name}`,
    'is not a valid header name, or has a value with characters that a header must not contain: remove them',
  );
}

// The listeners: the registry itself, and metrics and health beside it.
import type { z } from 'zod';
import type { ListenAddress } from '@cistern/runtime/process';
import { isHeader } from '../values/header-syntax.ts';
import { choice, duration, flag, listOf, mapOf, network, section, text } from '../values/values.ts';
import { readListener, readTcpAddress, type SectionContext } from './context.ts';
import { buildTls, tlsSection } from './tls.ts';

export const httpSection = section('Serving clients.', {
  addr: text('Where the registry listens: `host:port` or `:port`; with `net: unix` the path of a socket.').prefault(
    ':5000',
  ),
  net: choice('The kind of `addr`.', ['tcp', 'unix']).prefault('tcp'),
  headers: mapOf(
    'Headers added to every answer, each with a list of values.',
    listOf('Values of one header.', text('A value.')),
  ).prefault({}),
  draintimeout: duration('How long requests in flight may take to end when the process is told to stop.').prefault(
    '60s',
  ),
  trustedproxies: listOf(
    'Proxies and load balancers whose `X-Forwarded-For`, `-Proto` and `-Host` are believed; `[]` for none.',
    network('Addresses of a proxy.'),
  ).prefault(['127.0.0.0/8', '::1/128']),
  reuseport: flag(
    'Lets several processes of one machine listen on `http.addr`; the kernel spreads connections over them.',
  ).prefault('false'),
  proxyprotocol: flag(
    'Takes the PROXY protocol (versions 1 and 2) from `http.trustedproxies`, which then have to speak it: the client is whom they name.',
  ).prefault('false'),
  revalidatefrom: listOf(
    {
      text: 'Networks of clients whose `Cache-Control: no-cache` and `max-age` have the upstream asked; `[]` for none.',
      default: 'everybody',
    },
    network('Addresses of clients.'),
  ).optional(),
  tls: tlsSection,
  debug: section('Metrics (`/metrics`) and health (`/healthz`, `/readyz`), on a listener of their own.', {
    addr: text({
      text: 'Where it listens; `""` for nowhere. A default address that is taken is no error. On an address of this machine alone it gives metrics under no name but `localhost` and such addresses.',
      default: '`127.0.0.1:5001`, for this machine alone; with `redis`, for the nodes of a cluster, `:5001`',
    }).optional(),
    prometheus: section('Metrics for Prometheus.', {
      enabled: flag({
        text: 'Serves the metrics.',
        default: '`true`; `false` where `http.debug.addr` is given, as in registry:2',
      }).optional(),
      path: text('Where they are.').prefault('/metrics'),
    }),
  }),
});

export type HttpConfig = Readonly<ReturnType<typeof buildHttp>>;

/** `isCluster`: others look at this node's health and metrics, so that they must be able to by default. */
export function buildHttp(http: z.output<typeof httpSection>, isCluster: boolean, context: SectionContext) {
  for (const [name, values] of Object.entries(http.headers)) checkHeader(context, name, values);
  const { addr, prometheus } = http.debug;
  if (!/^\/[\w./-]+$/.test(prometheus.path))
    context.report('http.debug.prometheus.path', 'must be a path such as /metrics');
  if (http.proxyprotocol && http.trustedproxies.length === 0)
    context.report(
      'http.proxyprotocol',
      'needs the load balancers whose PROXY protocol is believed: list them in http.trustedproxies, for example [10.0.0.0/8]',
    );
  return {
    address: addressOf(http, context),
    /** As the user wrote their names. */
    headers: http.headers,
    drainTimeoutMs: http.draintimeout,
    /** In CIDR notation. */
    trustedProxies: http.trustedproxies,
    /** Other processes may listen on the same address. */
    reusePort: http.reuseport,
    /** `trustedProxies` speak the PROXY protocol. */
    proxyProtocol: http.proxyprotocol,
    /** Of clients that may have upstream asked by `Cache-Control`, in CIDR notation; `undefined`: all. */
    revalidateFrom: http.revalidatefrom,
    /** `undefined`: plain HTTP. */
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
    'is no valid header, or has a value with characters that a header cannot hold',
  );
}

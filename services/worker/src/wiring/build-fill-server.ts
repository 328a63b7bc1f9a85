// The fill server, from which other nodes read the fills of this worker. It uses Node's own HTTP server instead of Fastify,
// because its responses are streams that control their own pace. Other nodes connect to the address that the worker advertises.
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { Config } from '@cistern/config';
import { createHttpApp, createHttpServer, type Listener } from '@cistern/runtime/process';
import { modernCiphers } from '@cistern/tls';

/** A connection without traffic for this long is closed. Streams of fills have a limit of their own. */
const silenceTimeoutMs = 120_000;

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  // Longer than other nodes keep an idle connection. Otherwise the server could close a connection while a node sends a request
  // on it.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 8 * 1024,
} satisfies ServerOptions;

/**
 * Builds the server: with TLS if it is configured, and with mutual TLS if CA certificates are configured too. Returns `undefined`
 * if `answer` is `undefined`, because then there are no other nodes.
 */
export function buildFillServer(
  { address, tls }: Pick<Config['worker'], 'address' | 'tls'>,
  answer: RequestListener | undefined,
): Listener | undefined {
  if (answer === undefined) return undefined;
  const server = tls === undefined ? createHttpServer(limits, answer) : createTlsServer(tls, answer);
  server.setTimeout(silenceTimeoutMs);
  return { app: createHttpApp(server), address, key: 'worker.addr' };
}

function createTlsServer(tls: NonNullable<Config['worker']['tls']>, answer: RequestListener): Server {
  const { certificate, key, ca } = tls;
  const authority = ca !== undefined && { ca, requestCert: true, rejectUnauthorized: true };
  const options = { ...limits, ciphers: modernCiphers, honorCipherOrder: true, cert: certificate, key: key.reveal() };
  return createHttpsServer({ ...options, ...authority }, answer);
}

/**
 * Returns the URL of the fill server for other nodes, without a trailing slash. If no URL is configured, its host is the address
 * that the server listens on. If the server listens on all interfaces, it is the machine's host name.
 */
export function advertisedAddress({
  advertise,
  tls,
  address,
}: Pick<Config['worker'], 'advertise' | 'tls' | 'address'>) {
  if (advertise !== undefined) return advertise;
  const { host, port } = address;
  const name = host === undefined || ['0.0.0.0', '::'].includes(host) ? hostname() : host;
  return `${tls === undefined ? 'http' : 'https'}://${isIPv6(name) ? `[${name}]` : name}:${port}`;
}

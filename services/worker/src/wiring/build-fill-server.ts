// The server on which a worker's fills are followed: bare HTTP, because the answers are streams that set their own pace. Other
// nodes reach it at an address that the worker advertises.
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { Config } from '@cistern/config';
import { createHttpApp, createHttpServer, type Listener } from '@cistern/runtime/process';
import { modernCiphers } from '@cistern/tls';

/** Of connections; streams have a limit of their own. */
const silenceTimeoutMs = 120_000;

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  // Longer than followers keep a connection, so that it is never this side that closes one as a request is sent on it.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 8 * 1024,
} satisfies ServerOptions;

/**
 * Speaks TLS if the configuration has some, and then mutual TLS if it names authorities. `undefined`: there is nobody to answer.
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

/** Without a trailing slash. An address that means every interface is no way to this machine: its host name is. */
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

// The server of a worker's fills. It uses plain Node HTTP, because the responses are streams that control their own pace. Other nodes
// reach it at the address that the worker advertises.
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import type { Config } from '@cistern/config';
import { createHttpApp, createHttpServer, type Listener } from '@cistern/runtime/process';
import { modernCiphers } from '@cistern/tls';

/** The time after which an idle connection is closed. Streams have a limit of their own. */
const silenceTimeoutMs = 120_000;

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  // This is longer than followers keep a connection. Otherwise the server could close one just when a request is sent on it.
  keepAliveTimeout: 75_000,
  maxHeaderSize: 8 * 1024,
} satisfies ServerOptions;

/**
 * Uses TLS if it is configured, and mutual TLS if authorities are configured too. Returns `undefined` without `answer`, since there
 * are no other nodes then.
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
 * Returns the address of the fill server for other nodes, without a trailing slash. For a listener on all interfaces, it has the host
 * name of the machine.
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

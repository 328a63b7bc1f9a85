// The TLS of a server that outlives its certificates: a new one is served from the next handshake on, and one that is
// broken is not served at all. Connections stay as they are.
import { createSecureContext, type SecureContextOptions, type Server, type TlsOptions, type TLSSocket } from 'node:tls';
import { openPoll } from '@cistern/runtime';
import type { Logger, TlsMetrics } from '@cistern/telemetry';
import { createAlpnChallenges } from './alpn-challenges.ts';
import type { Identity } from './identity-files.ts';
import { CertificateError, checkAuthorities, describeKeyPair } from './key-pair.ts';

export interface ServerTlsOptions {
  /** Called every few seconds. Its first rejection is that of `openServerTls`, a later one changes nothing. */
  readonly load: () => Promise<Identity>;
  readonly minimumVersion: 'TLSv1.2' | 'TLSv1.3';
  /** In OpenSSL's notation; `undefined`: `modernCiphers`. */
  readonly ciphers: string | undefined;
  /** Where there are client authorities: whether a client without a certificate is let in. */
  readonly clientsMayHaveNone: boolean;
  readonly log: Logger;
  readonly metrics: TlsMetrics;
  readonly reloadEveryMs?: number;
}

export interface ServerTls {
  /** For the making of a server that speaks HTTP/1.1, which then is given to `serve`. */
  readonly options: TlsOptions;
  /** From now on the server has what is loaded. Once, for a server that does not listen yet. */
  serve(server: Server): void;
  /** Looks now for something new. */
  reload(): Promise<void>;
  /** Ends the looking. */
  close(): Promise<void>;
}

/** Rejects with `CertificateError`, or as `load` does, if there is nothing to begin with. The caller closes it. */
export async function openServerTls(options: ServerTlsOptions): Promise<ServerTls> {
  const { load, minimumVersion, ciphers = modernCiphers, clientsMayHaveNone, log, metrics } = options;
  const { reloadEveryMs = 5000 } = options;
  const servers: Server[] = [];
  const challenges = createAlpnChallenges();
  const base = { minVersion: minimumVersion, ciphers, honorCipherOrder: true };

  function take(identity: Identity): SecureContextOptions {
    const context = contextOf(base, identity);
    const { pair, clientAuthorities } = identity;
    checkAuthorities(clientAuthorities);
    if (pair === undefined) return context;
    const { expiresAtMs, ...facts } = describeKeyPair(pair);
    // Also finds what only OpenSSL objects to, such as a key that is too short.
    createContext(context);
    metrics.certificateExpiry.set({ listener: 'http' }, expiresAtMs / 1000);
    const expiresAt = new Date(expiresAtMs).toISOString();
    if (expiresAtMs < Date.now()) log.error({ ...facts, expiresAt }, 'serving a certificate that has expired');
    else log.info({ ...facts, expiresAt }, 'serving a certificate');
    return context;
  }

  let served = await load();
  let context = take(served);
  challenges.answer(served.proofs);
  async function look(): Promise<void> {
    const found = await load();
    challenges.answer(found.proofs);
    if (servedText(found) === servedText(served)) return;
    context = take(found);
    served = found;
    for (const server of servers) server.setSecureContext(context);
    metrics.certificateReloads.inc({ result: 'done' });
  }

  const poll = openPoll({
    everyMs: reloadEveryMs,
    look,
    onFailure(error, times) {
      // Between the replacing of one file and the other nothing is wrong.
      if (times !== 2) return;
      metrics.certificateReloads.inc({ result: 'failed' });
      log.error({ err: error }, 'a new certificate cannot be used, the one before it is served');
    },
  });
  return {
    options: {
      ...context,
      ALPNCallback: challenges.callback,
      handshakeTimeout: 20_000,
      requestCert: served.clientAuthorities.length > 0,
      rejectUnauthorized: !clientsMayHaveNone,
    },
    serve(server) {
      server.setSecureContext(context);
      servers.push(server);
      watchHandshakes(server, { log, metrics });
      challenges.endAnswered(server);
    },
    reload: poll.look,
    close: poll.close,
  };
}

function contextOf(base: SecureContextOptions, { pair, clientAuthorities }: Identity): SecureContextOptions {
  return {
    ...base,
    ...(pair !== undefined && { cert: pair.certificate, key: pair.key }),
    ...(clientAuthorities.length > 0 && { ca: [...clientAuthorities] }),
  };
}

function createContext(options: SecureContextOptions): void {
  try {
    createSecureContext(options);
  } catch (error) {
    throw new CertificateError(`OpenSSL refuses it: ${(error as Error).message}`, { cause: error });
  }
}

/** All that tells what clients are served with. */
function servedText({ pair, clientAuthorities }: Identity): string {
  return JSON.stringify([pair, clientAuthorities]);
}

/** Also closes connections whose client shows an untrusted certificate, where a certificate is optional. */
function watchHandshakes(server: Server, { log, metrics }: Pick<ServerTlsOptions, 'log' | 'metrics'>): void {
  const refuse = (socket: TLSSocket, reason: string) => {
    metrics.handshakeFailures.inc({ reason: 'client-certificate' });
    log.info({ remoteAddress: socket.remoteAddress, reason }, 'refused a client by its certificate');
  };
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (socket.authorized || socket.getPeerX509Certificate() === undefined) return;
    refuse(socket, String(socket.authorizationError));
    socket.destroy();
  });
  server.prependListener('tlsClientError', ({ code = '' }: NodeJS.ErrnoException, socket: TLSSocket) => {
    // Node.js verifies when the handshake is over, and then closes the connection as if the client had; its address is gone
    // by then. To verify here instead would let clients in that resume a session which was begun without a certificate.
    const reason = (socket.authorizationError as unknown as string | null) ?? code;
    if (reason !== code || code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') refuse(socket, reason);
    else metrics.handshakeFailures.inc({ reason: code === 'ECONNRESET' ? 'abandoned' : 'protocol' });
  });
}

/**
 * The cipher suites of our servers where the configuration names none, the best first, in OpenSSL's notation. TLS 1.2 has those
 * with forward secrecy and authenticated encryption (RFC 9325, section 4.2), TLS 1.3 all. Node.js allows more, such as
 * AES256-SHA, with which a leaked key opens recorded connections.
 */
export const modernCiphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

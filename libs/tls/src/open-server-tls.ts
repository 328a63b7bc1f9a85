// Opens TLS for a server whose certificate changes while the server runs. The next handshake after a reload gets the
// new certificate. An unusable certificate is never served. Open connections are not affected.
import { createSecureContext, type SecureContextOptions, type Server, type TlsOptions, type TLSSocket } from 'node:tls';
import { openPoll } from '@cistern/runtime';
import { type Logger, plainAddress, type TlsMetrics } from '@cistern/telemetry';
import { createAlpnChallenges } from './alpn-challenges.ts';
import type { Identity } from './identity-files.ts';
import { CertificateError, checkAuthorities, describeKeyPair } from './key-pair.ts';

export interface ServerTlsOptions {
  /**
   * Called every `reloadEveryMs`. If the first call rejects, `openServerTls` rejects. After a later rejection the
   * previous certificate is still served.
   */
  readonly load: () => Promise<Identity>;
  readonly minimumVersion: 'TLSv1.2' | 'TLSv1.3';
  /** The cipher suites in OpenSSL's notation. `undefined` means `modernCiphers`. */
  readonly ciphers: string | undefined;
  /** True if a client without a certificate is allowed to connect. Used only if the identity has client authorities. */
  readonly clientCertificateIsOptional: boolean;
  /** Names the certificate in log lines. Default: `http.tls`. */
  readonly place?: { readonly setting: string; readonly path?: string } | undefined;
  readonly log: Logger;
  readonly metrics: TlsMetrics;
  readonly reloadEveryMs?: number;
}

const listener = 'http';

export interface ServerTls {
  /** The options for creating an HTTPS server (HTTP/1.1). Pass this server to `serve`. */
  readonly options: TlsOptions;
  /**
   * Serves the current certificate on `server` from now on. Call it once for each server, before the server listens.
   */
  serve(server: Server): void;
  /** Reloads now. Never rejects. */
  reload(): Promise<void>;
  /** Ends the reloading. The servers stay open. */
  close(): Promise<void>;
}

/**
 * Rejects with `CertificateError` if the first certificate is unusable, or as `load` does. The caller closes the
 * result.
 */
export async function openServerTls(options: ServerTlsOptions): Promise<ServerTls> {
  const { load, minimumVersion, ciphers = modernCiphers, clientCertificateIsOptional, log, metrics } = options;
  const { reloadEveryMs = 5000, place = { setting: 'http.tls' } } = options;
  const servers: Server[] = [];
  const challenges = createAlpnChallenges();
  const base = { minVersion: minimumVersion, ciphers, honorCipherOrder: true };

  function take(identity: Identity): SecureContextOptions {
    const context = contextOf(base, identity);
    const { pair, clientAuthorities } = identity;
    checkAuthorities(clientAuthorities);
    if (pair === undefined) return context;
    const { expiresAtMs, ...facts } = describeKeyPair(pair);
    // OpenSSL finds further faults, such as a key that is too short.
    createContext(context);
    metrics.certificateExpiry.set({ listener }, expiresAtMs / 1000);
    const expiresAt = new Date(expiresAtMs).toISOString();
    if (expiresAtMs < Date.now()) log.error({ ...facts, ...place, expiresAt }, 'serving expired certificate');
    else log.info({ ...facts, expiresAt }, 'serving certificate');
    return context;
  }

  let served = await load();
  let context = take(served);
  challenges.answer(served.proofs);
  async function check(): Promise<void> {
    const found = await load();
    challenges.answer(found.proofs);
    if (servedText(found) !== servedText(served)) replace(found);
    metrics.causes.clear('certificate', listener);
  }

  function replace(found: Identity): void {
    context = take(found);
    served = found;
    for (const server of servers) server.setSecureContext(context);
    metrics.certificateReloads.inc({ result: 'done' });
  }

  const poll = openPoll({
    everyMs: reloadEveryMs,
    check,
    onFailure(error, times) {
      // The first failure is not reported, because the operator may have replaced only one of the two files so far.
      if (times !== 2) return;
      metrics.certificateReloads.inc({ result: 'failed' });
      metrics.causes.note('certificate', listener, error);
      log.error({ err: error, ...place }, 'failed to load new certificate, serving previous one');
    },
  });
  return {
    options: {
      ...context,
      ALPNCallback: challenges.callback,
      handshakeTimeout: 20_000,
      requestCert: served.clientAuthorities.length > 0,
      rejectUnauthorized: !clientCertificateIsOptional,
    },
    serve(server) {
      server.setSecureContext(context);
      servers.push(server);
      watchHandshakes(server, { log, metrics });
      challenges.endAnswered(server);
    },
    reload: poll.check,
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
    throw new CertificateError(`OpenSSL rejects it: ${(error as Error).message}`, { cause: error });
  }
}

/** Returns a text that changes with the certificate or the client authorities. */
function servedText({ pair, clientAuthorities }: Identity): string {
  return JSON.stringify([pair, clientAuthorities]);
}

/**
 * Logs and counts failed handshakes. Also closes connections of clients with an untrusted certificate, which Node.js
 * accepts if client certificates are optional.
 */
function watchHandshakes(server: Server, { log, metrics }: Pick<ServerTlsOptions, 'log' | 'metrics'>): void {
  const reject = (socket: TLSSocket, reason: string) => {
    metrics.handshakeFailures.inc({ reason: 'client-certificate' });
    log.info({ remoteAddress: plainAddress(socket.remoteAddress ?? ''), reason }, 'rejected client certificate');
  };
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    if (socket.authorized || socket.getPeerX509Certificate() === undefined) return;
    reject(socket, String(socket.authorizationError));
    socket.destroy();
  });
  server.prependListener('tlsClientError', ({ code = '' }: NodeJS.ErrnoException, socket: TLSSocket) => {
    // Node.js verifies the client certificate after the handshake, and then closes the connection as if the client had
    // closed it. So the client's address is unknown here. Own verification would know it, but would accept clients that
    // resume a session which began without a certificate.
    const reason = (socket.authorizationError as unknown as string | null) ?? code;
    if (reason !== code || code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') reject(socket, reason);
    else metrics.handshakeFailures.inc({ reason: code === 'ECONNRESET' ? 'abandoned' : 'protocol' });
  });
}

/**
 * The default cipher suites of our servers in OpenSSL's notation, the preferred ones first. They are all default suites
 * of TLS 1.3, and those of TLS 1.2 with forward secrecy and authenticated encryption (RFC 9325, section 4.2). Node.js
 * also allows suites such as AES256-SHA, with which a leaked private key decrypts recorded connections.
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

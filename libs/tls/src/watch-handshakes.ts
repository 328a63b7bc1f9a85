// Handshakes that fail are counted. Where a client's certificate is the reason its user has to be told why, and the
// protocol leaves no room for it: the log has it.
import type { Server, TLSSocket } from 'node:tls';
import type { Logger, TlsMetrics } from '@cistern/telemetry';

export interface WatchHandshakesOptions {
  readonly log: Logger;
  readonly metrics: TlsMetrics;
}

/** Also closes connections whose client shows a certificate that nobody vouches for, where it might have shown none. */
export function watchHandshakes(server: Server, { log, metrics }: WatchHandshakesOptions): void {
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

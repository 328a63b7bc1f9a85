// Answers handshakes of an ACME CA that checks `tls-alpn-01` (RFC 8737). The ALPN protocol distinguishes these
// handshakes from those of clients. So on the same port the CA gets its proof, and clients get the certificate.
import { createSecureContext, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { AlpnProof } from './identity-files.ts';

const acmeProtocol = 'acme-tls/1';
const httpProtocol = 'http/1.1';

export interface AlpnChallenges {
  /** The value for the option `ALPNCallback` of a TLS server, which replaces `ALPNProtocols`. */
  readonly callback: (this: TLSSocket, hello: { servername: string; protocols: string[] }) => string | undefined;
  /** Replaces the proofs that the CA can get. */
  answer(proofs: readonly AlpnProof[]): void;
  /** Makes `server` close connections of the CA after the handshake, because the CA needs no more than that. */
  endAnswered(server: Server): void;
}

export function createAlpnChallenges(): AlpnChallenges {
  let contexts: ReadonlyMap<string, SecureContext> = new Map();
  return {
    callback({ servername, protocols }) {
      if (!protocols.includes(acmeProtocol)) return protocols.includes(httpProtocol) ? httpProtocol : undefined;
      const context = contexts.get(servername.toLowerCase());
      if (context === undefined) return undefined;
      this.setKeyCert(context);
      return acmeProtocol;
    },
    answer(proofs) {
      contexts = new Map(
        proofs.map(({ host, pair }) => [host, createSecureContext({ cert: pair.certificate, key: pair.key })]),
      );
    },
    endAnswered(server) {
      server.prependListener('secureConnection', (socket: TLSSocket) => {
        if (socket.alpnProtocol === acmeProtocol) socket.destroy();
      });
    },
  };
}

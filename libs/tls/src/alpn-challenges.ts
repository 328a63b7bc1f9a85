// Answers handshakes of an ACME authority with `tls-alpn-01` (RFC 8737). Their protocol distinguishes them from those
// of clients. Clients get the certificate and the authority gets its proof, at the same port and at the same time.
import { createSecureContext, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { AlpnProof } from './identity-files.ts';

const acmeProtocol = 'acme-tls/1';
const httpProtocol = 'http/1.1';

export interface AlpnChallenges {
  /** The option `ALPNCallback` of a server, instead of `ALPNProtocols`. */
  readonly callback: (this: TLSSocket, hello: { servername: string; protocols: string[] }) => string | undefined;
  /** Replaces the proofs that are answered. */
  answer(proofs: readonly AlpnProof[]): void;
  /** Closes connections of the authority after the handshake, which is all that it needs. */
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

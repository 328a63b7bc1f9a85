// Handshakes of an ACME authority that asks for a name by `tls-alpn-01` (RFC 8737) are told from all others by the protocol
// they ask for: clients get the certificate, the authority gets its answer, at the same port and at the same time.
import { createSecureContext, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import type { AlpnProof } from './identity-files.ts';

const acmeProtocol = 'acme-tls/1';
const httpProtocol = 'http/1.1';

export interface AlpnChallenges {
  /** For the options of a server, in place of `ALPNProtocols`. */
  readonly callback: (this: TLSSocket, hello: { servername: string; protocols: string[] }) => string | undefined;
  /** From now on these are answered, and no others. */
  answer(proofs: readonly AlpnProof[]): void;
  /** The authority has what it wanted with the handshake. */
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

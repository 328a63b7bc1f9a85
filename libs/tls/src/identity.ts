import type { KeyPair } from './key-pair.ts';

/** What a server shows, and whose certificates it accepts. */
export interface Identity {
  /** `undefined`: there is none yet, and every handshake fails. */
  readonly pair: KeyPair | undefined;
  /** PEM; empty: clients show no certificates. */
  readonly clientAuthorities: readonly string[];
  /** What is shown to an ACME authority that asks for a name by `tls-alpn-01` now. */
  readonly proofs: readonly AlpnProof[];
}

export interface AlpnProof {
  readonly host: string;
  readonly pair: KeyPair;
}

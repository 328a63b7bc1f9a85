// Loads the shared certificate, which any node can have ordered, for a server of this node.
import { type Logger, neverDemoted } from '@cistern/telemetry';
import type { AlpnProof, Identity } from '../identity-files.ts';
import { describeKeyPair, type KeyPair } from '../key-pair.ts';
import { type AcmeBoard, type AcmeState, type Proof, readProofs, readRecord } from './acme-state.ts';

export interface SharedIdentityOptions {
  readonly state: AcmeState;
  readonly board: AcmeBoard;
  /** True if handshakes of this server prove names to the CA (`tls-alpn-01`). */
  readonly provesByAlpn: boolean;
  readonly readAuthorities: () => Promise<readonly string[]>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The state is read after a notice on the board, and also at this interval, because the board can lose notices. */
const rereadMs = 60_000;

/**
 * Returns a function that resolves to the current identity and rejects only as `readAuthorities` does. While the state
 * or the board is unavailable, it resolves to the last known certificate and proofs.
 */
export function sharedIdentity(options: SharedIdentityOptions): () => Promise<Identity> {
  const { state, board, provesByAlpn, readAuthorities, now } = options;
  const log = neverDemoted(options.log);
  let kept: { readonly pair: KeyPair; readonly fingerprint: string } | undefined;
  let readAtMs = -Infinity;
  /** The last logged problem, so that a continuing problem is logged only once. */
  let logged = '';
  const alpn = new Map<string, AlpnProof>();

  function report(problem: string, error?: unknown): void {
    if (logged !== problem) log.warn({ err: error, setting: 'http.tls.letsencrypt' }, problem);
    logged = problem;
  }

  async function readPair(): Promise<void> {
    const newest = await board.read('certificate').catch(() => undefined);
    const isNews = newest !== undefined && newest !== kept?.fingerprint;
    if (kept !== undefined && !isNews && now() - readAtMs < rereadMs) return;
    try {
      const record = await readRecord(state, 'certificate');
      readAtMs = now();
      if (record !== undefined) {
        const pair = { certificate: record.certificate, key: record.key };
        kept = { pair, fingerprint: describeKeyPair(pair).fingerprint };
        logged = '';
      } else if (kept === undefined) report('no certificate yet, clients cannot connect');
    } catch (error) {
      report('failed to read shared certificate, serving previous one', error);
    }
  }

  async function readAlpn(): Promise<readonly AlpnProof[]> {
    const proofs = await readProofs(board).catch(() => undefined);
    if (proofs === undefined) return [...alpn.values()];
    for (const answer of alpn.keys()) if (!proofs.some((proof) => proof.answer === answer)) alpn.delete(answer);
    for (const proof of proofs)
      if (!alpn.has(proof.answer))
        alpn.set(proof.answer, { host: proof.host, pair: await createAlpnCertificate(proof) });
    return [...alpn.values()];
  }

  return async () => {
    await readPair();
    return {
      pair: kept?.pair,
      clientAuthorities: await readAuthorities(),
      proofs: provesByAlpn ? await readAlpn() : [],
    };
  };
}

/**
 * Resolves to the body of the response to `/.well-known/acme-challenge/<token>`, for `http-01`. `undefined` means that
 * the token is unknown. Rejects as the board does.
 */
export async function answerChallenge(board: AcmeBoard, token: string): Promise<string | undefined> {
  return (await readProofs(board)).find((proof) => proof.token === token)?.answer;
}

/**
 * Creates the self-signed certificate that proves a name with `tls-alpn-01` (RFC 8737). The certificate contains the
 * proof.
 */
export async function createAlpnCertificate({ host, answer }: Proof): Promise<KeyPair> {
  const { crypto } = await import('acme-client');
  const key = await crypto.createPrivateEcdsaKey();
  const authorization = { identifier: { type: 'dns', value: host } } as Parameters<
    typeof crypto.createAlpnCertificate
  >[0];
  const [, certificate] = await crypto.createAlpnCertificate(authorization, answer, key);
  return { certificate: certificate.toString(), key: key.toString() };
}

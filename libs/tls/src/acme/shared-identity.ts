// The certificate that an issuer has got, as a server loads it, on whichever node it runs.
import type { Logger } from '@cistern/telemetry';
import type { AlpnProof, Identity } from '../identity-files.ts';
import { describeKeyPair, type KeyPair } from '../key-pair.ts';
import { type AcmeBoard, type AcmeState, type Proof, readProofs, readRecord } from './acme-state.ts';

export interface SharedIdentityOptions {
  readonly state: AcmeState;
  readonly board: AcmeBoard;
  /** Names are proven by this server's handshakes. */
  readonly provesByAlpn: boolean;
  readonly readAuthorities: () => Promise<readonly string[]>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The state is read when the board says that there is something new, and now and then because a board forgets. */
const rereadMs = 60_000;

/** Rejects only for `readAuthorities`: a state or board that is away leaves things as they are. */
export function sharedIdentity(options: SharedIdentityOptions): () => Promise<Identity> {
  const { state, board, provesByAlpn, readAuthorities, log, now } = options;
  let kept: { readonly pair: KeyPair; readonly fingerprint: string } | undefined;
  let readAtMs = -Infinity;
  /** The last problem that was logged, so that it is logged once. */
  let logged = '';
  const alpn = new Map<string, AlpnProof>();

  function report(problem: string, error?: unknown): void {
    if (logged !== problem) log.warn({ err: error }, problem);
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
      } else if (kept === undefined)
        report('there is no certificate yet: until one has been issued no client can connect');
    } catch (error) {
      report('cannot read the certificate, going on with what there was', error);
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

/** For `http-01`: what is asked for under `/.well-known/acme-challenge/<token>`. Rejects as the board does. */
export async function answerChallenge(board: AcmeBoard, token: string): Promise<string | undefined> {
  return (await readProofs(board)).find((proof) => proof.token === token)?.answer;
}

/** The certificate by which a name is proven with `tls-alpn-01` (RFC 8737): it signs itself and holds the answer. */
export async function createAlpnCertificate({ host, answer }: Proof): Promise<KeyPair> {
  const { crypto } = await import('acme-client');
  const key = await crypto.createPrivateEcdsaKey();
  const authorization = { identifier: { type: 'dns', value: host } } as Parameters<
    typeof crypto.createAlpnCertificate
  >[0];
  const [, certificate] = await crypto.createAlpnCertificate(authorization, answer, key);
  return { certificate: certificate.toString(), key: key.toString() };
}

// The certificate that an issuer has got, as a server loads it, on whichever node it runs.
import type { Logger } from '@cistern/telemetry';
import type { Identity, AlpnProof } from '../identity.ts';
import { describeKeyPair, type KeyPair } from '../key-pair.ts';
import { createAlpnCertificate } from './alpn-certificate.ts';
import { type AcmeBoard, readProofs } from './board.ts';
import { type AcmeState, readRecord } from './records.ts';

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
  /** What was last told, so that it is told once. */
  let told = '';
  const alpn = new Map<string, AlpnProof>();

  function tell(problem: string, error?: unknown): void {
    if (told !== problem) log.warn({ err: error }, problem);
    told = problem;
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
        told = '';
      } else if (kept === undefined)
        tell('there is no certificate yet: until one has been issued no client can connect');
    } catch (error) {
      tell('cannot read the certificate, going on with what there was', error);
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

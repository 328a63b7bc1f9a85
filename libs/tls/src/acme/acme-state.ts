// Reads and writes the records of ACME, which are small durable texts, and the notices between nodes about orders and
// new certificates. Any notice can be lost.
import type { KeyPair } from '../key-pair.ts';

/** The storage of the account and the certificate, shared by all nodes of a cluster. The records are secret. */
export interface AcmeState {
  /** Resolves to `undefined` only if there is no record. Rejects on every failure. */
  read(name: RecordName): Promise<string | undefined>;
  /** Replaces a record atomically and durably. */
  write(name: RecordName, text: string): Promise<void>;
}

export type RecordName = 'account' | 'certificate' | 'attempt';

interface AccountRecord {
  readonly schema: 1;
  readonly directoryUrl: string;
  /** The key identifier of external account binding, if the CA requires external account binding. */
  readonly kid?: string | undefined;
  /** The account's private key in PEM. The CA stores all other data of the account. */
  readonly key: string;
}

export interface CertificateRecord extends KeyPair {
  readonly schema: 1;
  readonly directoryUrl: string;
  readonly hosts: readonly string[];
  readonly issuedAtMs: number;
}

/** The record of failed attempts, so that a process that restarts repeatedly does not exceed the CA's rate limits. */
export interface AttemptRecord {
  readonly schema: 1;
  /** The id of the failed certificate request. Failures of another request do not count. */
  readonly request: string;
  /** The number of consecutive failures. */
  readonly failures: number;
  readonly nextAtMs: number;
}

interface Records {
  readonly account: AccountRecord;
  readonly certificate: CertificateRecord;
  readonly attempt: AttemptRecord;
}

/** Reads a record. A record of another schema counts as absent. */
export async function readRecord<N extends RecordName>(state: AcmeState, name: N): Promise<Records[N] | undefined> {
  const text = await state.read(name);
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as Records[N] | null;
    return record?.schema === 1 ? record : undefined;
  } catch {
    return undefined;
  }
}

export function writeRecord<N extends RecordName>(state: AcmeState, name: N, record: Records[N]): Promise<void> {
  return state.write(name, `${JSON.stringify(record)}\n`);
}

/**
 * The storage of notices. Names are few and fixed. Values are short, and expire after `ttlMs` or earlier. All calls can
 * reject.
 */
export interface AcmeBoard {
  read(name: NoticeName): Promise<string | undefined>;
  write(name: NoticeName, text: string, ttlMs: number): Promise<void>;
  remove(name: NoticeName): Promise<void>;
}

/**
 * `certificate` contains the fingerprint of the newest certificate. `challenges` contains the proofs that servers must
 * send to the CA.
 */
export type NoticeName = 'certificate' | 'challenges';

/** The proof that the requester controls one name. */
export interface Proof {
  /** The name without the `*.` of a wildcard. */
  readonly host: string;
  readonly token: string;
  /** The key authorization (RFC 8555, section 8.1), or for `dns-01` the value of the DNS record. */
  readonly answer: string;
}

/** The lifetime of proofs on the board, which must be longer than the longest order. */
const challengesTtlMs = 15 * 60_000;

export async function readProofs(board: AcmeBoard): Promise<readonly Proof[]> {
  const text = await board.read('challenges');
  return text === undefined ? [] : (JSON.parse(text) as Proof[]);
}

export function writeProofs(board: AcmeBoard, proofs: readonly Proof[]): Promise<void> {
  return board.write('challenges', JSON.stringify(proofs), challengesTtlMs);
}

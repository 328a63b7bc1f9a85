// The records of ACME, which are small durable texts, and its notices. Nodes exchange notices while a certificate is
// being ordered, and every notice may be lost.
import type { KeyPair } from '../key-pair.ts';

/** The storage of the account and the certificate, shared by all nodes of a cluster. Its content is secret. */
export interface AcmeState {
  /** Resolves with `undefined` if there is no record. Every failure rejects. */
  read(name: RecordName): Promise<string | undefined>;
  /** Replaces a record atomically and durably. */
  write(name: RecordName, text: string): Promise<void>;
}

export type RecordName = 'account' | 'certificate' | 'attempt';

interface AccountRecord {
  readonly schema: 1;
  readonly directoryUrl: string;
  /** The key identifier of external account binding, if the authority requires it. */
  readonly kid?: string | undefined;
  /** The key of the account in PEM. The authority knows everything else. */
  readonly key: string;
}

export interface CertificateRecord extends KeyPair {
  readonly schema: 1;
  readonly directoryUrl: string;
  readonly hosts: readonly string[];
  readonly issuedAtMs: number;
}

/**
 * The record of failed attempts, so that a process that restarts repeatedly does not exceed the authority's rate
 * limits.
 */
export interface AttemptRecord {
  readonly schema: 1;
  /** The id of the request. Another request begins with no failures. */
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

/** The storage of notices. Names are few and fixed. Values are short and last at most `ttlMs`. Reading may reject. */
export interface AcmeBoard {
  read(name: NoticeName): Promise<string | undefined>;
  write(name: NoticeName, text: string, ttlMs: number): Promise<void>;
  remove(name: NoticeName): Promise<void>;
}

/** `certificate` has the fingerprint of the newest certificate, and `challenges` has the proofs to answer. */
export type NoticeName = 'certificate' | 'challenges';

/** The proof of one name. */
export interface Proof {
  /** Without the asterisk of a wildcard. */
  readonly host: string;
  readonly token: string;
  /** RFC 8555, section 8.1; for `dns-01` the value of the record. */
  readonly answer: string;
}

/** It exceeds the maximum duration of an order. */
const challengesTtlMs = 15 * 60_000;

export async function readProofs(board: AcmeBoard): Promise<readonly Proof[]> {
  const text = await board.read('challenges');
  return text === undefined ? [] : (JSON.parse(text) as Proof[]);
}

export function writeProofs(board: AcmeBoard, proofs: readonly Proof[]): Promise<void> {
  return board.write('challenges', JSON.stringify(proofs), challengesTtlMs);
}

// The records of ACME, as small texts that outlive processes, and its notices. Nodes announce those to one another while a
// certificate is being got, and all of them may be lost.
import type { KeyPair } from '../key-pair.ts';

/** Where the account and the certificate are kept: for all nodes, if there are several. What it holds is secret. */
export interface AcmeState {
  /** `undefined`: there is none. Any failure rejects, and is never taken for that. */
  read(name: RecordName): Promise<string | undefined>;
  /** Atomic and durable; replaces. */
  write(name: RecordName, text: string): Promise<void>;
}

export type RecordName = 'account' | 'certificate' | 'attempt';

interface AccountRecord {
  readonly schema: 1;
  readonly directoryUrl: string;
  /** Whose it is to the authority, where that wanted to know. */
  readonly kid?: string | undefined;
  /** PEM. It is the account: the authority knows the rest. */
  readonly key: string;
}

export interface CertificateRecord extends KeyPair {
  readonly schema: 1;
  readonly directoryUrl: string;
  readonly hosts: readonly string[];
  readonly issuedAtMs: number;
}

/** Kept, so that a process that is started again and again does not use up what the authority allows. */
export interface AttemptRecord {
  readonly schema: 1;
  /** What was requested: another request begins from zero. */
  readonly request: string;
  /** In a row. */
  readonly failures: number;
  readonly nextAtMs: number;
}

interface Records {
  readonly account: AccountRecord;
  readonly certificate: CertificateRecord;
  readonly attempt: AttemptRecord;
}

/** What is no record of this release counts as absent. */
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

/** Names are few and fixed; values are short and last for `ttlMs` at most. Reading may reject. */
export interface AcmeBoard {
  read(name: NoticeName): Promise<string | undefined>;
  write(name: NoticeName, text: string, ttlMs: number): Promise<void>;
  remove(name: NoticeName): Promise<void>;
}

/** `certificate`: which one is the newest. `challenges`: what has to be answered. */
export type NoticeName = 'certificate' | 'challenges';

/** Of one name. */
export interface Proof {
  /** Without the asterisk of a wildcard. */
  readonly host: string;
  readonly token: string;
  /** RFC 8555, section 8.1; for `dns-01` the value of the record. */
  readonly answer: string;
}

/** Longer than an order may take. */
const challengesTtlMs = 15 * 60_000;

export async function readProofs(board: AcmeBoard): Promise<readonly Proof[]> {
  const text = await board.read('challenges');
  return text === undefined ? [] : (JSON.parse(text) as Proof[]);
}

export function writeProofs(board: AcmeBoard, proofs: readonly Proof[]): Promise<void> {
  return board.write('challenges', JSON.stringify(proofs), challengesTtlMs);
}

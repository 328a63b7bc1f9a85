// What ACME leaves behind, as small texts that outlive processes.
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
  /** PEM. It is the account: the authority tells the rest. */
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
  /** What was wished for: another wish begins anew. */
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

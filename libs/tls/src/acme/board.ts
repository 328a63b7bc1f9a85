// What nodes tell one another while a certificate is being got. All of it may be lost.

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

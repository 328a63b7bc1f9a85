// Reads a stored blob whole only to hash it: for who does not read it from its beginning to its end.
import type { BlobRecord } from '@cistern/cache-index';
import { hashStored } from '../integrity/hash-stored.ts';
import { setAside, type SetAsideDeps } from '../integrity/set-aside.ts';
import { untilAborted } from '../until-aborted.ts';
import type { ReadChecks } from './read-checks.ts';

export interface ProveStoredDeps extends SetAsideDeps {
  readonly readChecks: ReadChecks;
}

/** `undefined`: the blob is not what its digest says, and is set aside, or is gone. `signal` ends the wait. */
export async function proveStored(
  deps: ProveStoredDeps,
  record: BlobRecord,
  signal: AbortSignal | undefined,
): Promise<BlobRecord | undefined> {
  const { proving } = deps.readChecks;
  let proof = proving.get(record.digest);
  if (proof === undefined) {
    proof = prove(deps, record).finally(() => proving.delete(record.digest));
    proving.set(record.digest, proof);
  }
  return untilAborted(proof, signal);
}

async function prove(deps: ProveStoredDeps, record: BlobRecord): Promise<BlobRecord | undefined> {
  const { state, size } = await hashStored(deps, record.digest);
  if (state === 'damaged') await setAside(deps, record.digest, record);
  if (state !== 'right') return undefined;
  await noteRight(deps, record);
  return { ...record, size, verified: true };
}

/** The object of `record` has been hashed and is right. */
export async function noteRight({ index, readChecks, log }: ProveStoredDeps, record: BlobRecord): Promise<void> {
  readChecks.noteRight(record);
  if (record.verified) return;
  await index.blobs.markVerified(record.digest).catch((error: unknown) => {
    log.warn({ err: error, digest: record.digest }, 'that a blob is verified could not be recorded');
  });
}

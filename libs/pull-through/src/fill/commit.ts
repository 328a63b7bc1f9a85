// The last step of a fill: its verified bytes become the blob. A store that is down does not lose them: the fill serves
// its readers from the spool and tries again.
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { ExponentialBackoff, handleAll, retry } from 'cockatiel';
import type { FillBody } from './fill-body.ts';
import { upload } from './upload.ts';

export interface CommitOptions {
  readonly store: BlobStore;
  readonly digest: Digest;
  readonly body: FillBody;
  /** The upload that ran while the body arrived, where the store takes uploads. */
  readonly uploading: Promise<void> | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** About ten minutes in all. */
const attempts = { maxAttempts: 25, backoff: new ExponentialBackoff({ initialDelay: 250, maxDelay: 30_000 }) };

export async function commit({ store, digest, body, uploading, log, signal }: CommitOptions): Promise<void> {
  let first = uploading;
  const policy = retry(handleAll, attempts);
  policy.onFailure(({ reason }) => {
    log.warn({ digest, err: 'error' in reason ? reason.error : undefined }, 'the store did not take a blob');
  });
  await policy.execute(async () => {
    if (store.adoptFile !== undefined) {
      await store.adoptFile(digest, body.spool.path);
      body.spool.leaveFile();
      return;
    }
    const running = first ?? upload(store, digest, body);
    first = undefined;
    await running;
  }, signal);
}

// The last step of a fill: its verified bytes become the blob. A store that is down does not lose them: the fill serves
// its readers from the spool and tries again.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { FillBody } from './fill-body.ts';
import { upload } from './upload.ts';

export interface CommitOptions {
  readonly store: BlobStore;
  readonly digest: Digest;
  readonly body: FillBody;
  /** The upload that ran while the body arrived, where the store takes uploads. */
  readonly uploading: Promise<void> | undefined;
  /** Told when the store has refused it for the first time. */
  readonly onRefused?: (() => void) | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** About ten minutes in all. */
const maxTries = 26;
const firstPauseMs = 250;
const maxPauseMs = 30_000;

/** Rejects with the store's last error when it has tried long enough, and with the reason of `signal`. */
export async function commit({ store, digest, body, uploading, onRefused, log, signal }: CommitOptions): Promise<void> {
  let running = uploading;
  for (let tries = 1; ; tries += 1) {
    try {
      if (store.adoptFile !== undefined) {
        await store.adoptFile(digest, body.spool.path);
        body.spool.leaveFile();
        return;
      }
      return await (running ?? upload(store, digest, body));
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ digest, err: error }, 'the store did not take a blob');
      if (tries === maxTries) throw error;
      if (tries === 1) onRefused?.();
    }
    running = undefined;
    await delay(Math.min(maxPauseMs, firstPauseMs * 2 ** (tries - 1)), undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}

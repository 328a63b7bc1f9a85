// The last step of a fill: its verified bytes become the blob. A store that is down does not lose them: the fill serves
// its readers from the spool and tries again.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { isNoRoom } from '../room/limit-store.ts';
import type { FillBody } from './fill-body.ts';

export interface CommitOptions {
  readonly store: BlobStore;
  readonly digest: Digest;
  readonly body: FillBody;
  /** The upload that ran while the body arrived, where the store takes uploads. */
  readonly uploading: Promise<void> | undefined;
  /** Called when the store has refused it for the first time. */
  readonly onRefused?: (() => void) | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** About ten minutes in all. */
const maxTries = 26;
const firstPauseMs = 250;
const maxPauseMs = 30_000;
const readBytes = 1024 * 1024;

/**
 * False: the store has no room, and the blob is not stored. Rejects with the store's last error when it has tried long enough, and with
 * the reason of `signal`.
 */
export async function commit({
  store,
  digest,
  body,
  uploading,
  onRefused,
  log,
  signal,
}: CommitOptions): Promise<boolean> {
  let running = uploading;
  for (let tries = 1; ; tries += 1) {
    try {
      if (store.adoptFile !== undefined) {
        await store.adoptFile(digest, body.spool.path);
        body.spool.leaveFile();
        return true;
      }
      await (running ?? upload(store, digest, body));
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (isNoRoom(error)) {
        log.warn({ digest, err: error }, 'store is full, blob is served but not stored');
        return false;
      }
      log.warn({ digest, err: error }, 'the store did not take a blob');
      if (tries === maxTries) throw error;
      if (tries === 1) onRefused?.();
    }
    running = undefined;
    await delay(Math.min(maxPauseMs, firstPauseMs * 2 ** (tries - 1)), undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
  }
}

/**
 * Brings a fill's bytes into a store that has no filesystem of its own: part by part while the body arrives, visible only after
 * verification. Rejects, with nothing left behind, if the fill fails or moves, or the store fails.
 */
export async function upload(store: BlobStore, digest: Digest, body: FillBody): Promise<void> {
  const writer = await store.begin(digest);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, body.size));
    for (let position = 0; position < body.size;) {
      body.checkMoved();
      const present = body.presentEnd(position) - position;
      if (present === 0) {
        await body.changeAt(position);
        continue;
      }
      const length = await body.spool.read(position, buffer.subarray(0, Math.min(present, buffer.length)));
      await writer.append(buffer.subarray(0, length));
      position += length;
    }
    while (!body.verified) {
      body.checkMoved();
      body.presentEnd(0);
      await body.changeAt(0);
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

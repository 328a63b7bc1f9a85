// Notices outages of a directory by failed calls: a full disk, a failing disk, or a missing mount. Detects their end by probes,
// also if no call is made. Calls that succeed report nothing, because they must stay fast.
import { endsWithin } from '@cistern/runtime';
import { type StoreLog, watchStoreOutage } from '../watch-store-outage.ts';
import { FileError, hasCode } from './store-error.ts';

export interface WatchDirectoryOptions {
  readonly root: string;
  readonly log: StoreLog;
  /** Writes and reads a small file. Rejects with a FileError. */
  readonly probe: () => Promise<void>;
}

export interface DirectoryWatch {
  /** Records the error of a call. */
  failed(error: FileError): void;
  /** Resolves when a running probe has ended, or after a second. */
  close(): Promise<void>;
}

const probeEveryMs = 10_000;
/** The rest after a probe that succeeded, because one bad file can fail many calls. */
const restMs = 2000;
const closeLimitMs = 1000;

export function watchDirectory({ root, log, probe }: WatchDirectoryOptions): DirectoryWatch {
  let isAway = false;
  /** True if even the last probe failed, and not only because the disk is full. Then all errors have the same cause. */
  let isBroken = false;
  /** True if a write found no space since the last probe. A full disk may still have space for a probe. */
  let wasFull = false;
  let probing: Promise<void> | undefined;
  let restsUntilMs = 0;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  const outage = watchStoreOutage({
    log,
    place: { path: root },
    explains: (error) => error instanceof FileError && (isBroken || isFull(error)),
  });

  function begin(error: unknown): void {
    if (isClosed) return;
    outage.failed(error);
    if (isAway) return;
    isAway = true;
    if (probing === undefined) probeLater();
  }

  function probeLater(): void {
    timer = setTimeout(probeNow, probeEveryMs).unref();
  }

  function probeNow(): void {
    probing ??= probeOnce().finally(() => {
      probing = undefined;
      if (isAway && !isClosed) probeLater();
    });
  }

  async function probeOnce(): Promise<void> {
    try {
      await probe();
      isBroken = false;
      restsUntilMs = performance.now() + restMs;
      if (isAway && !wasFull) end();
      wasFull = false;
    } catch (error) {
      isBroken = !isFull(error);
      begin(error);
    }
  }

  function end(): void {
    isAway = false;
    outage.recovered();
  }

  return {
    failed(error) {
      if (isClosed) return;
      if (isFull(error)) {
        wasFull = true;
        begin(error);
      } else if (isBroken) begin(error);
      // One file that cannot be read is no outage.
      else if (!isAway && performance.now() >= restsUntilMs) probeNow();
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      outage.close();
      // A disk that hangs does not delay the end of the process.
      if (probing !== undefined) await endsWithin(probing, closeLimitMs);
    },
  };
}

function isFull(error: unknown): boolean {
  return error instanceof FileError && hasCode(error.cause, 'ENOSPC', 'EDQUOT');
}

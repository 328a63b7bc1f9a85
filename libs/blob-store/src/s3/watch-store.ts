// Notices outages of the S3 server by failed requests, and detects their end by probes, also if no request is sent.
import { type StoreLog, watchStoreOutage } from '../watch-store-outage.ts';
import { codeOf, isPassing, isUnavailable, S3Error, type S3Place } from './s3-error.ts';

export interface WatchStoreOptions {
  readonly place: S3Place;
  readonly log: StoreLog;
  /** Sends a small request. Rejects with an error that has a code. */
  readonly probe: () => Promise<unknown>;
}

export interface StoreWatch {
  /** Records the error of a request. Does nothing before the first success, because the caller of a failed opening reports it. */
  failed(error: unknown): void;
  /** Begins an outage, whose end a probe detects. */
  begin(error: unknown): void;
  /** Records a successful request. */
  succeeded(): void;
  close(): void;
}

const probeEveryMs = 2000;

export function watchStore({ place, log, probe }: WatchStoreOptions): StoreWatch {
  const outage = watchStoreOutage({ log, place, explains: (error) => error instanceof S3Error });
  let isKnown = false;
  let isAway = false;
  let isProbing = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  function begin(error: unknown): void {
    if (isClosed) return;
    isKnown = true;
    outage.failed(error);
    if (isAway) return;
    isAway = true;
    if (!isProbing) probeLater();
  }

  function succeeded(): void {
    isKnown = true;
    if (!isAway) return;
    isAway = false;
    clearTimeout(timer);
    outage.recovered();
  }

  function probeLater(): void {
    timer = setTimeout(() => void probeOnce(succeeded), probeEveryMs).unref();
  }

  async function probeOnce(onSuccess: () => void): Promise<void> {
    if (isProbing) return;
    isProbing = true;
    try {
      await probe();
      onSuccess();
    } catch (error) {
      // Another reason, such as invalid access keys, does not begin an outage, but an outage continues.
      if (isAway || isUnavailable(error)) begin(error);
    } finally {
      isProbing = false;
    }
    if (isAway && !isClosed) probeLater();
  }

  return {
    failed(error) {
      // Whether a silent server responds at all is checked elsewhere, and calls `begin`.
      if (!isKnown || !isUnavailable(error) || (codeOf(error) === 'SILENT' && !isAway)) return;
      // One rejected request is no outage yet.
      if (isAway || !isPassing(error)) begin(error);
      else void probeOnce(() => {});
    },
    begin,
    succeeded,
    close() {
      isClosed = true;
      clearTimeout(timer);
      outage.close();
    },
  };
}

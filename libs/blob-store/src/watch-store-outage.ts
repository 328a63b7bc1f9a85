// The lines of an outage of the store. They are the same for each kind of store.
import { type LogWithOutages, type Outage, watchOutage } from '@cistern/telemetry';

/** The part of a logger that a store needs: fields first, then a constant message. */
export interface StoreLog extends LogWithOutages {
  warn(fields: object, message: string): void;
}

export interface StoreOutageOptions {
  readonly log: StoreLog;
  /** Fields of each line: where the store is. */
  readonly place: { readonly endpoint: string; readonly bucket: string } | { readonly path: string };
  /** Returns true for an error that is a consequence of the outage. */
  readonly explains: (error: Error) => boolean;
}

/** The caller closes the result. */
export function watchStoreOutage({ log, place, explains }: StoreOutageOptions): Outage {
  return watchOutage(log, {
    part: 'store',
    lines: {
      began: (facts) => log.warn({ ...place, ...facts }, 'store unavailable'),
      lasts: (facts) => log.warn({ ...place, ...facts }, 'store still unavailable'),
      ended: (facts) => log.warn({ ...place, ...facts }, 'store available again'),
    },
    explains,
  });
}

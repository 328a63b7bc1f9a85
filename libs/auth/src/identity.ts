import type { AuthenticationMethod } from '@cistern/telemetry';

/** Who a request comes from, as far as this cache is concerned. */
export interface Identity {
  /** For the log and for people. Unique among those of the same method. */
  readonly name: string;
  readonly method: AuthenticationMethod;
}

/** Whoever shows nothing, where nothing has to be shown. */
export const anonymous: Identity = Object.freeze({ name: 'anonymous', method: 'anonymous' });

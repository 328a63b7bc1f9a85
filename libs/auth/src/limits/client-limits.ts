// What one client may take of the cache.

export type Admission =
  | { readonly isAdmitted: true }
  | { readonly isAdmitted: false; readonly limit: 'requests' | 'bytes'; readonly retryAfterMs: number };

export interface ClientLimits {
  /** Counts a request of the client, and says whether it is within the limits. Never rejects. */
  admit(client: string): Promise<Admission>;
  /** The request that was counted last was another client's. */
  takeBack(client: string): void;
  /** Counts what the client was sent. */
  note(client: string, bytes: number): void;
}

export const admitted: Admission = Object.freeze({ isAdmitted: true });

/** Of whom there are no limits. */
export const unlimited: ClientLimits = { admit: async () => admitted, takeBack() {}, note() {} };

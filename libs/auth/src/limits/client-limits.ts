// Defines the limits of one client.

export type Admission =
  | { readonly isAdmitted: true }
  | { readonly isAdmitted: false; readonly limit: 'requests' | 'bytes'; readonly retryAfterMs: number };

export interface ClientLimits {
  /** Counts a request of the client and reports whether it is within the limits. Never rejects. */
  admit(client: string): Promise<Admission>;
  /** Undoes the last `admit` of this client. Callers use it if they find that the request belongs to another client. */
  takeBack(client: string): void;
  /** Counts bytes that were sent to the client. */
  note(client: string, bytes: number): void;
}

export const admitted: Admission = Object.freeze({ isAdmitted: true });

/** Admits every client without limits. */
export const unlimited: ClientLimits = { admit: async () => admitted, takeBack() {}, note() {} };

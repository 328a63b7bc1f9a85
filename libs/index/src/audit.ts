// The audit: recent actions of operators, and refused requests, of all nodes. Each kind has its own limit, so that many
// refusals remove only older refusals, never actions.

export const auditKinds = ['action', 'refusal'] as const;
export type AuditKind = (typeof auditKinds)[number];

export interface AuditEntry {
  /** Grows with every entry of either kind, until the index loses its data. */
  readonly sequence: number;
  readonly kind: AuditKind;
  /** The text exactly as the node sent it. The node may run another release. */
  readonly entry: string;
}

export interface AuditIndex {
  /**
   * Adds entries in the given order. Each has at most a few KiB. Removes the oldest entries of this kind if there are
   * more than `maxAuditEntries`.
   */
  add(kind: AuditKind, entries: readonly string[]): Promise<void>;
  /**
   * Returns up to `limit` entries, newest first. If `before` is set, only entries with a lower `sequence`. If `kind` is
   * set, only entries of this kind.
   */
  list(options: {
    readonly limit: number;
    readonly before?: number | undefined;
    readonly kind?: AuditKind | undefined;
  }): Promise<AuditEntry[]>;
}

/** Largest number of entries of each kind. */
export const maxAuditEntries = 2000;

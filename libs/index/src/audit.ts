// Recent actions of operators and refused requests, on all nodes. The two kinds have separate limits: many refusals
// displace only older refusals, never actions.

export const auditKinds = ['action', 'refusal'] as const;
export type AuditKind = (typeof auditKinds)[number];

export interface AuditEntry {
  /** Grows with every entry of either kind, until the index loses its data. */
  readonly sequence: number;
  readonly kind: AuditKind;
  /** The entry exactly as the node sent it, of any release. */
  readonly entry: string;
}

export interface AuditIndex {
  /**
   * Adds entries in the given order, each at most a few KiB. Removes the oldest entries of the kind beyond
   * `maxAuditEntries`.
   */
  add(kind: AuditKind, entries: readonly string[]): Promise<void>;
  /** Returns the newest entries first. `before` limits them to a lower `sequence`, `kind` to one kind. */
  list(options: {
    readonly limit: number;
    readonly before?: number | undefined;
    readonly kind?: AuditKind | undefined;
  }): Promise<AuditEntry[]>;
}

/** Limit for each kind. */
export const maxAuditEntries = 2000;

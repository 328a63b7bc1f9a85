// What operators asked for and who was turned away, of late, on all nodes. The two are kept apart: whoever has himself refused
// again and again drives out what others did of his own kind alone.

export const auditKinds = ['action', 'refusal'] as const;
export type AuditKind = (typeof auditKinds)[number];

export interface AuditWord {
  /** Grows with every entry, of whatever kind, until the index loses its data. */
  readonly sequence: number;
  readonly kind: AuditKind;
  /** As the node gave it, of whatever release. */
  readonly entry: string;
}

export interface AuditIndex {
  /** In their order; a few KiB each at most. The oldest of the kind beyond `maxAuditEntries` go. */
  add(kind: AuditKind, entries: readonly string[]): Promise<void>;
  /** The newest first; `before`: only those whose `sequence` is lower; `kind`: only these. */
  list(options: {
    readonly limit: number;
    readonly before?: number | undefined;
    readonly kind?: AuditKind | undefined;
  }): Promise<AuditWord[]>;
}

/** Of each kind. */
export const maxAuditEntries = 2000;

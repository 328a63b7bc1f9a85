// The list of what happened of late.
import { Counter, type Registry } from 'prom-client';

/** `rate`: refusals beyond what a node may tell in a second; `index`: Redis was away, or too slow. */
const dropReasons = ['rate', 'index'] as const;

export interface AuditMetrics {
  readonly auditEntriesDropped: Counter<'reason'>;
}

export function createAuditMetrics(registry: Registry): AuditMetrics {
  const auditEntriesDropped = new Counter({
    name: 'cistern_audit_entries_dropped_total',
    help: 'Refusals, and what operators asked for, that did not come into the list of the console: too many at once, or no index.',
    labelNames: ['reason'],
    registers: [registry],
  });
  for (const reason of dropReasons) auditEntriesDropped.inc({ reason }, 0);
  return { auditEntriesDropped };
}

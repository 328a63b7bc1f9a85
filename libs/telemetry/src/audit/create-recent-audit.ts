// Gathers what happened for a list that all nodes share, and writes it there behind their backs: no request waits for it, and a
// flood of refusals costs a few entries a second (decision 0041).
import type { AuditMetrics } from '../metrics/cache-metrics.ts';
import type { AuditLog } from './create-audit-log.ts';
import { eventOf } from './audit-event.ts';
import { entryOfRequest, entryOfWish, formatRecentEntry, type RecentEntry } from './recent-entry.ts';

export interface RecentAuditOptions {
  /** The name of this node. */
  readonly node: string;
  /** Where the entries go; what it rejects is lost. */
  readonly keep: (kind: 'action' | 'refusal', entries: readonly string[]) => Promise<void>;
  readonly metrics: AuditMetrics;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
}

export interface RecentAudit extends Omit<AuditLog, 'close'> {
  /** Writes what is left. Never rejects. */
  close(): Promise<void>;
}

const flushAfterMs = 500;
/** Of a node: so many refusals at once, and so many a second then. */
const [refusalsAtOnce, refusalsPerSecond] = [50, 5];
/** That wait to be written, of each kind. */
const maxPending = 100;

/** The caller closes it. */
export function createRecentAudit({ node, keep, metrics, now }: RecentAuditOptions): RecentAudit {
  const pending = { action: [] as string[], refusal: [] as string[] };
  let refusalsLeft = refusalsAtOnce;
  let countedAtMs = now();
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  function mayTellRefusal(): boolean {
    const elapsedMs = Math.max(0, now() - countedAtMs);
    countedAtMs = now();
    refusalsLeft = Math.min(refusalsAtOnce, refusalsLeft + (elapsedMs * refusalsPerSecond) / 1000);
    if (refusalsLeft < 1) return false;
    refusalsLeft -= 1;
    return true;
  }

  function add(kind: 'action' | 'refusal', makeEntry: () => RecentEntry): void {
    if (kind === 'refusal' && !mayTellRefusal()) return metrics.auditEntriesDropped.inc({ reason: 'rate' });
    if (pending[kind].length >= maxPending) return metrics.auditEntriesDropped.inc({ reason: 'index' });
    pending[kind].push(formatRecentEntry(makeEntry()));
    schedule();
  }

  async function write(): Promise<void> {
    for (const kind of ['action', 'refusal'] as const) {
      const entries = pending[kind].splice(0);
      if (entries.length > 0)
        await keep(kind, entries).catch(() => metrics.auditEntriesDropped.inc({ reason: 'index' }, entries.length));
    }
  }

  /** The next after this one, so that entries stay in their order. */
  async function flush(): Promise<void> {
    await write();
    timer = undefined;
    if (pending.action.length + pending.refusal.length > 0) schedule();
  }

  function schedule(): void {
    timer ??= setTimeout(() => {
      writing = flush();
    }, flushAfterMs).unref();
  }

  return {
    request(facts) {
      const event = eventOf(facts);
      if (event === undefined || event === 'token-given') return;
      add('refusal', () => entryOfRequest(now(), node, event, facts));
    },
    asked(wish) {
      const entry = entryOfWish(now(), node, wish);
      add(entry.event === 'asked' ? 'action' : 'refusal', () => entry);
    },
    async close() {
      clearTimeout(timer);
      await writing;
      clearTimeout(timer);
      await write();
    },
  };
}

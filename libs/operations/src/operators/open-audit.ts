// Records actions of operators and rejected requests in the list that all nodes share. If an audit log is configured, they are
// written there too.
import type { AuditKind, CacheIndex } from '@cistern/index';
import type { Config } from '@cistern/config';
import { type NodeRole, nodeName } from '../nodes/node-report.ts';
import { type AuditLog, createRecentAudit, parseRecentEntry, type RequestAudit } from '@cistern/telemetry';
import type { NodeContext } from '@cistern/runtime/process';
import type { Closers } from '@cistern/runtime';
import type { IndexAndStore } from '@cistern/content';
import type { AuditPage } from '../api/operators.ts';

export interface Audit extends RequestAudit, Pick<AuditLog, 'action'> {
  /** Resolves to a page of the latest entries of all nodes. Rejects with `index-unavailable`. */
  list(search: Parameters<CacheIndex['audit']['list']>[0]): Promise<AuditPage>;
}

export function openAudit(
  config: Pick<Config, 'http' | 'worker' | 'admin'>,
  role: NodeRole,
  { index }: Pick<IndexAndStore, 'index'>,
  { audit: log, metrics }: Pick<NodeContext, 'audit' | 'metrics'>,
  { opened }: Closers,
): Audit {
  const node = nodeName(config, role);
  const keep = async (kind: AuditKind, entries: readonly string[]) => index.audit.add(kind, entries);
  const recent = opened(createRecentAudit({ node, keep, metrics, now: Date.now }));
  return {
    count: log?.count,
    request(event, facts) {
      log?.request(event, facts);
      recent.request(event, facts);
    },
    action(action) {
      log?.action(action);
      recent.action(action);
    },
    async list(search) {
      const rows = await index.audit.list(search);
      const last = rows.length < search.limit ? undefined : rows.at(-1);
      const entries = rows.flatMap(({ kind, entry }) => {
        const parsed = parseRecentEntry(entry);
        return parsed === undefined ? [] : [{ kind, ...parsed }];
      });
      return { entries, before: last?.sequence ?? null };
    },
  };
}

// A node tells all others, and whoever watches, who it is and how it is.
import { randomUUID } from 'node:crypto';
import type { Config } from '@cistern/config';
import type { FillTable } from '@cistern/fills';
import type { NodeRole } from './node-report.ts';
import { startReporting } from './start-reporting.ts';
import type { BudgetLedger } from '@cistern/upstream';
import type { NodeContext } from '@cistern/runtime/process';
import type { Closers } from '@cistern/runtime';
import { nodeName } from './node-name.ts';
import type { IndexAndStore } from '@cistern/content';

interface ReportingParts extends Pick<IndexAndStore, 'index'> {
  readonly fills?: FillTable;
  readonly ledger?: BudgetLedger;
}

export function openReporting(
  config: Pick<Config, 'http' | 'worker' | 'admin'>,
  role: NodeRole,
  { index, fills, ledger }: ReportingParts,
  { log, metrics, version }: Pick<NodeContext, 'log' | 'metrics' | 'version'>,
  { opened }: Closers,
): void {
  const node = { id: randomUUID(), name: nodeName(config, role), role, version, startedAtMs: Date.now() };
  opened(startReporting({ node, nodes: index.nodes, metrics, fills, budget: ledger?.known, log, now: Date.now }));
}

// Opens the board of the problems of a node.
import type { NodeConfig } from '@cistern/config';
import type { Closers } from '@cistern/runtime';
import { type Finding, openProblemBoard, openStoreCheck, type ProblemBoard } from '@cistern/runtime/process';
import type { Metrics } from '@cistern/telemetry';
import type { Nodes } from '../nodes/open-nodes.ts';
import { compareNodes } from './compare-nodes.ts';
import { createFound, createLocalFinder, type LocalParts, localParts } from './find-local-problems.ts';
import { allParts } from './problem-words.ts';

const settleMs = 8_000;

export interface CheckedParts extends LocalParts {
  /** Rejects while the store does not work. */
  readonly checkStore: () => Promise<void>;
}

export interface OpenedProblems {
  /** The problems that this node finds by itself. */
  readonly own: ProblemBoard;
  /** The problems that this node shows: those of the whole cache if it has `nodes`, else its own. */
  readonly problems: ProblemBoard;
}

/**
 * Starts the checks of a node. A node that operators ask passes `nodes`. While the index is unavailable, it knows only its own
 * problems. `closers` closes the checks.
 */
export function openProblems(
  config: Pick<NodeConfig, 'redis' | 'storage' | 'health'>,
  parts: CheckedParts,
  { metrics, nodes }: { readonly metrics: Metrics; readonly nodes?: Pick<Nodes, 'view'> },
  { opened }: Closers,
): OpenedProblems {
  const { enabled, intervalMs, threshold } = config.health.storageDriver;
  const storeCheck = enabled
    ? opened(openStoreCheck({ check: () => parts.checkStore(), intervalMs, threshold }))
    : undefined;
  const found = createFound(config);
  const { now } = parts.index;
  const find = createLocalFinder(found, parts, storeCheck, metrics);
  const own = { parts: localParts(parts), find, now };
  if (nodes === undefined) {
    const problems = opened(openProblemBoard({ ...own, metrics }));
    return { own: problems, problems };
  }
  const board = opened(openProblemBoard(own));
  let awaySinceMs = -Infinity;

  async function findAll(): Promise<readonly Finding[]> {
    const [local, { view, isCurrent }] = await Promise.all([board.look(), nodes!.view()]);
    if (!isCurrent) awaySinceMs = performance.now();
    if (!isCurrent) return local;
    // After an outage of the index, nodes need some seconds for their first reports.
    if (performance.now() - awaySinceMs < settleMs) return [...local, ...view.reported];
    return [...local, ...view.reported, ...compareNodes(found, view.nodes)];
  }

  return { own: board, problems: opened(openProblemBoard({ parts: allParts, find: findAll, metrics, now })) };
}

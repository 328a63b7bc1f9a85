// Opens the board of the problems of a node.
import type { NodeConfig } from '@cistern/config';
import { type Closers, within } from '@cistern/runtime';
import {
  type Finding,
  openProblemBoard,
  openStoreCheck,
  type ProblemBoard,
  type ProblemBoardOptions,
} from '@cistern/runtime/process';
import type { Metrics } from '@cistern/telemetry';
import { mergeProblems } from '../nodes/merge-problems.ts';
import { type NodeRole, nodeName } from '../nodes/node-report.ts';
import type { Nodes, SeenView } from '../nodes/open-nodes.ts';
import type { NodesView } from '../nodes/view-nodes.ts';
import { compareNodes } from './compare-nodes.ts';
import { createFound, createLocalFinder, type LocalParts, localParts } from './find-local-problems.ts';
import { allParts } from './problem-words.ts';

const settleMs = 8_000;
const viewLimitMs = 3_000;
/** How often all nodes together read the reports of all nodes, in times a second. */
const mostReadsPerSecond = 10;

export interface CheckedParts extends LocalParts {
  /** Rejects while the store does not work. */
  readonly checkStore: () => Promise<void>;
}

export interface OpenedProblems {
  /** The problems that this node finds by itself. */
  readonly own: ProblemBoard;
  /** The problems that this node shows: those of the whole cache if operators ask it, else its own. */
  readonly problems: ProblemBoard;
}

export interface ProblemsOptions {
  readonly metrics: Metrics;
  readonly log: ProblemBoardOptions['log'];
  /** The role of this node, and all nodes. Unset if operators do not ask this node. */
  readonly whole?: { readonly role: NodeRole; readonly nodes: Pick<Nodes, 'view'> };
}

/**
 * Starts the checks of a node. While the index is unavailable, a node knows the problems of the others as of their last reports.
 * `closers` closes the checks.
 */
export function openProblems(
  config: Pick<NodeConfig, 'redis' | 'storage' | 'health' | 'http' | 'worker' | 'admin'>,
  parts: CheckedParts,
  { metrics, log, whole }: ProblemsOptions,
  { opened }: Closers,
): OpenedProblems {
  const { enabled, intervalMs, threshold } = config.health.storageDriver;
  const storeCheck = enabled
    ? opened(openStoreCheck({ check: () => parts.checkStore(), intervalMs, threshold }))
    : undefined;
  const found = createFound(config);
  const { now } = parts.index;
  const find = createLocalFinder(found, parts, storeCheck, metrics);
  const own = { parts: localParts(parts), find, now, log };
  if (whole === undefined) {
    const problems = opened(openProblemBoard({ ...own, metrics }));
    return { own: problems, problems };
  }
  const board = opened(openProblemBoard(own));
  const { role } = whole;
  const name = nodeName(config, role);
  const readView = createPacedView(whole.nodes, log);
  let awaySinceMs = -Infinity;

  async function findAll(): Promise<readonly Finding[]> {
    const [local, { view, isCurrent }] = await Promise.all([board.look(), readView()]);
    const reporter = { name, role, problems: local };
    const isReported = isCurrent && !local.some(({ kind }) => takesNoReports.has(kind));
    if (!isReported) {
      awaySinceMs = performance.now();
      return mergeProblems(reporter, view.reports.map(withoutIndex));
    }
    const merged = mergeProblems(reporter, view.reports);
    // After an outage of the index, nodes need some seconds for their first reports.
    return performance.now() - awaySinceMs < settleMs ? merged : [...merged, ...compareNodes(found, view.nodes)];
  }

  return { own: board, problems: opened(openProblemBoard({ parts: allParts, find: findAll, metrics, now, log })) };
}

/** While the index has such a problem, nodes that run cannot report it. */
const takesNoReports: ReadonlySet<string> = new Set(['index-unavailable', 'index-unwritable']);

/** Old reports do not show how the index is now, and whether the others reach it. */
function withoutIndex<T extends { readonly problems?: readonly Finding[] | undefined }>(report: T): T {
  const problems = report.problems?.filter(({ part }) => part !== 'index' && part !== 'workers');
  return { ...report, problems };
}

type KnownView = Pick<SeenView, 'isCurrent'> & { readonly view: Pick<NodesView, 'nodes' | 'reports'> };

/**
 * Returns a function that resolves to the view of all nodes, or to the last one if it cannot be read. The more nodes read all
 * reports, the less often each of them does. So the load on the index grows with the number of nodes, and not with its square.
 */
function createPacedView(nodes: Pick<Nodes, 'view'>, log: ProblemBoardOptions['log']): () => Promise<KnownView> {
  let last: KnownView = { view: { nodes: [], reports: [] }, isCurrent: false };
  let untilMs = -Infinity;
  let hasFailed = false;

  async function read(): Promise<KnownView> {
    try {
      const seen = await within(nodes.view(), viewLimitMs);
      hasFailed = false;
      return seen;
    } catch (error) {
      if (!hasFailed) log.warn({ err: error }, 'failed to read nodes, showing problems of last view');
      hasFailed = true;
      return { ...last, isCurrent: false };
    }
  }

  return async () => {
    if (performance.now() < untilMs) return last;
    last = await read();
    const readers = last.view.nodes.filter(({ role, state }) => state === 'running' && readingRoles.has(role)).length;
    if (last.isCurrent) untilMs = performance.now() + (readers * 1_000) / mostReadsPerSecond;
    return last;
  };
}

const readingRoles: ReadonlySet<NodeRole> = new Set(['standalone', 'admin']);

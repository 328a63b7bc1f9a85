// The interface of a page of the console.
import type { BudgetList, CacheNode, Fill, Me, Overview } from './api-types.d.ts';

/** A problem of a part of the cache, as all views of operators have it. */
export interface Problem {
  /** The stable name of this kind of problem, such as index-full. Unset if only the part is known. */
  readonly kind?: string;
  readonly part: string;
  /** Which one, such as an upstream; null if the part is only one. */
  readonly subject: string | null;
  /** critical: pulls fail or will soon. warning: content is served, but an operator should act. */
  readonly severity: 'critical' | 'warning';
  /** Milliseconds since 1970; null if unknown. */
  readonly since: number | null;
  readonly reason: string;
  readonly works: string | null;
  readonly mend: string | null;
  /** The name of the node that reports it; null if the whole cache does. */
  readonly node: string | null;
}

/** The overview of a server that also sends its problems, and the time of its view. */
type ViewedOverview = Overview & {
  readonly problems?: readonly Problem[];
  readonly view?: { readonly asOf: number; readonly isCurrent: boolean };
};

/** The latest event of each kind from the server. `undefined` until the first event of the kind arrives. */
export interface Live {
  connection: 'connecting' | 'live' | 'lost';
  overview: ViewedOverview | undefined;
  /** When the overview arrived, in milliseconds since 1970. */
  overviewAt: number | undefined;
  /** Why the server cannot send the overview now; `undefined` if it can. */
  unavailable: string | undefined;
  me: Me | undefined;
  budget: BudgetList | undefined;
  fills: readonly Fill[] | undefined;
  nodes: readonly CacheNode[] | undefined;
  /** The rates of the last minutes, for sparklines. */
  readonly history: History;
}

export interface History {
  readonly requestsPerSecond: readonly number[];
  readonly servedPerSecond: readonly number[];
  readonly fetchedPerSecond: readonly number[];
}

export interface PageContext {
  readonly live: Live;
  /** The part of the page's address after the name of the page. */
  readonly argument: string;
  /** Renders the page again. */
  update(): void;
}

export interface OpenPage {
  view(): unknown;
  close?(): void;
}

export interface PageKind {
  readonly path: string;
  readonly title: string;
  open(context: PageContext): OpenPage;
}

// The interface of a page of the console.
import type { BudgetList, CacheNode, Fill, Me, Overview } from './api-types.d.ts';

/** The latest event of each kind from the server. `undefined` until the first event of the kind arrives. */
export interface Live {
  connection: 'connecting' | 'live' | 'lost';
  overview: Overview | undefined;
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

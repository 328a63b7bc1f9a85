// What a page of the console is.
import type { CacheNode, Fill, Overview } from './api-types.d.ts';

/** What the server tells by itself; `undefined`: nothing yet. */
export interface Live {
  connection: 'connecting' | 'live' | 'lost';
  overview: Overview | undefined;
  fills: readonly Fill[] | undefined;
  nodes: readonly CacheNode[] | undefined;
  /** Of the last minutes, for curves. */
  readonly history: History;
}

export interface History {
  readonly requestsPerSecond: readonly number[];
  readonly servedPerSecond: readonly number[];
  readonly fetchedPerSecond: readonly number[];
}

export interface PageContext {
  readonly live: Live;
  /** What follows the page's name in the address. */
  readonly argument: string;
  /** Draws again. */
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

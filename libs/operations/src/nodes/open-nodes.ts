// How the whole cache is, for whoever watches: what its nodes say, what waits in the queues, and what the index counts.
import type { Config } from '@cistern/config';
import { type NodesView, viewNodes } from './view-nodes.ts';
import type { BlobTotals } from '@cistern/index';
import type { LaneFacts } from '@cistern/jobs';
import type { IndexAndStore } from '@cistern/content';

export interface Nodes {
  /** At most half a second old, so that many may ask. Rejects with `index-unavailable`. */
  view(): Promise<NodesView>;
  /** What the store holds, as the index has it; at most five seconds old. Rejects with `index-unavailable`. */
  totals(): Promise<BlobTotals>;
  /** Of the store, in bytes; `undefined`: as much as there is room for. */
  readonly maxBytes: number | undefined;
  /** How full the queues are, and what failed in them; as old as a view. Rejects with `index-unavailable`. */
  queues(): Promise<readonly LaneFacts[]>;
}

const viewForMs = 500;
/** It takes a question for each of 256 shards. */
const totalsForMs = 5_000;

export function openNodes(
  { storageLimits }: Pick<Config, 'storageLimits'>,
  { index }: Pick<IndexAndStore, 'index'>,
  { look }: { readonly look: () => Promise<readonly LaneFacts[]> },
): Nodes {
  return {
    view: keepFor(viewForMs, async () => viewNodes(await index.nodes.look())),
    totals: keepFor(totalsForMs, () => index.blobs.totals()),
    maxBytes: storageLimits.maxBytes === Infinity ? undefined : storageLimits.maxBytes,
    queues: keepFor(viewForMs, look),
  };
}

/** Whoever asks meanwhile gets the same answer; a failure is told to those who wait for it, and to nobody else. */
function keepFor<T>(ms: number, ask: () => Promise<T>): () => Promise<T> {
  let kept: { readonly answer: Promise<T>; readonly untilMs: number } | undefined;
  return () => {
    if (kept !== undefined && performance.now() < kept.untilMs) return kept.answer;
    const asked = { answer: ask(), untilMs: performance.now() + ms };
    kept = asked;
    asked.answer.catch(() => {
      if (kept === asked) kept = undefined;
    });
    return asked.answer;
  };
}

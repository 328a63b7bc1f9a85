// Checks that no reader's pace delays a fetch or a commit. If only clients are slow, a blob is stored in the time that
// upstream, spool and store need.
import type { Digest } from '@cistern/oci';
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import { fileSystem } from '../world/files/file-system.ts';
import { network } from '../world/network/network-state.ts';
import { schedule } from '../world/schedule.ts';

export interface PaceOptions {
  readonly sizes: readonly number[];
  readonly segmentBytes: number;
  readonly callMs: number;
}

const chunkBytes = 64 * 1024;
/** Longest times of an upstream without faults. */
const upstreamMs = { answer: 30, chunk: 20 };
/** Number of calls, file operations and network transfers that one segment takes. */
const perSegment = { calls: 2, operations: 4, transfers: 12 };
const slackMs = 3_000;

export function watchPace(
  { store, upstream }: SimulatedCluster,
  { sizes, segmentBytes, callMs }: PaceOptions,
  problem: (text: string) => void,
): void {
  const seen = new Set<Digest>();
  const segmentMs =
    perSegment.calls * callMs +
    perSegment.operations * fileSystem.maxLatencyMs +
    perSegment.transfers * network.maxLatencyMs;
  const mostMs = sizes.reduce((sum, size) => {
    const chunks = Math.ceil(size / chunkBytes);
    const fetchMs = upstreamMs.answer + chunks * (upstreamMs.chunk + 4 * fileSystem.maxLatencyMs);
    return sum + fetchMs + Math.ceil(size / segmentBytes) * segmentMs;
  }, slackMs);
  const { onCommitted } = store;
  store.onCommitted = (digest, isThere) => {
    onCommitted?.(digest, isThere);
    const first = upstream.gets.find((get) => get.digest === digest && get.toExclusive === undefined);
    if (first === undefined || seen.has(digest)) return;
    seen.add(digest);
    const tookMs = schedule.nowMs - first.beganAtMs;
    if (tookMs > mostMs)
      problem(`a blob was stored ${tookMs.toFixed(0)} ms after its fetch began; the limit is ${mostMs.toFixed(0)}`);
  };
}

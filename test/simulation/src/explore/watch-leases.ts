// Checks that only the owner of a fill's record fetches, commits and aborts. A worker that lost the record stops within
// a heartbeat and a half. The time in which the index is unavailable does not count.
import type { Digest } from '@cistern/oci';
import type { Weather } from '../cluster/cluster-weather.ts';
import { isLive, recordedCheckpoint } from '../cluster/recorded-checkpoint.ts';
import type { StoreEnding } from '../cluster/shared-store.ts';
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import type { Owner } from '../world/owner.ts';
import { plan, schedule } from '../world/schedule.ts';

const graceMs = 1_800;
const everyMs = 200;

const isPast = (atMs: number | undefined) => atMs !== undefined && schedule.nowMs - atMs > graceMs;

/** Checks the record and the open bodies periodically. */
export function watchLeases(
  { shared, store, upstream, workers }: SimulatedCluster,
  { digest, weather }: { readonly digest: Digest; readonly weather: Weather },
  problem: (text: string) => void,
) {
  const since = new Map<object, { readonly generation: number; readonly atMs: number; readonly sentBytes: number }>();
  /** When each running worker lost the record. */
  const lostAtMs = new Map<Owner, number>();
  let named: { readonly uploadId: string; readonly atMs: number } | undefined;
  let isOver = false;

  const checkBodies = (record: Awaited<ReturnType<typeof shared.index.fills.read>>) => {
    for (const get of upstream.gets.filter((one) => one.digest === digest)) {
      const worker = workers.find(({ owner }) => owner === get.owner);
      const isForeign = isLive(record) && record.address !== worker?.address;
      if (get.isClosed || worker === undefined || worker.owner.state !== 'running' || !isForeign) {
        since.delete(get);
        continue;
      }
      const before = since.get(get);
      if (before?.generation !== record.generation)
        since.set(get, { generation: record.generation, atMs: schedule.nowMs, sentBytes: get.sentBytes });
      else if (schedule.nowMs - before.atMs > graceMs && get.sentBytes > before.sentBytes)
        problem(`${worker.name} continues to fetch although ${record.address} owns the fill`);
    }
  };

  const check = async () => {
    const record = await shared.index.fills.read(digest);
    if (weather.indexFails > 0) {
      since.clear();
      lostAtMs.clear();
    }
    checkBodies(record);
    for (const { owner, address } of workers)
      if (owner.state !== 'running' || !isLive(record) || record.address === address) lostAtMs.delete(owner);
      else if (!lostAtMs.has(owner)) lostAtMs.set(owner, schedule.nowMs);
    const uploadId = isLive(record) ? recordedCheckpoint(record)?.uploadId : undefined;
    if (named?.uploadId !== uploadId) named = uploadId === undefined ? undefined : { uploadId, atMs: schedule.nowMs };
  };
  const checkAgain = () => {
    if (isOver) return;
    void check();
    plan(everyMs, checkAgain, { owner: undefined, label: 'lease watch', keepsAlive: false });
  };
  checkAgain();

  const checkEnding = async (ending: StoreEnding) => {
    const record = await shared.index.fills.read(digest);
    if (isOver || !isLive(record)) return;
    const { address } = record;
    const isNamed = ending.uploadId !== undefined && recordedCheckpoint(record)?.uploadId === ending.uploadId;
    if (ending.kind === 'sweep') {
      if (isNamed && named?.uploadId === ending.uploadId && isPast(named.atMs))
        problem(`a sweeper aborted the upload that ${address} continues`);
      return;
    }
    const worker = workers.find(({ owner }) => owner === ending.owner);
    if (worker === undefined || worker.address === address || !isPast(lostAtMs.get(worker.owner))) return;
    if (ending.kind === 'commit') problem(`${worker.name} commits although ${address} owns the fill`);
    else if (isNamed) problem(`${worker.name} aborts the upload that ${address} continues`);
  };
  // Also records claims that are lost again before the next check.
  const { onOwned } = shared;
  shared.onOwned = (record) => {
    onOwned?.(record);
    const worker = workers.find(({ address }) => record.digest === digest && address === record.address);
    if (worker !== undefined) lostAtMs.delete(worker.owner);
  };
  const { onEnding } = store;
  store.onEnding = (ending) => {
    onEnding?.(ending);
    if (ending.digest === digest) void checkEnding(ending);
  };

  return {
    end() {
      isOver = true;
    },
  };
}

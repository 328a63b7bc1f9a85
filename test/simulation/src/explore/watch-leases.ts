// Who fetches owns the record of its fill: a worker whose fill another has taken over stops within a heartbeat and a half.
import type { Digest } from '@cistern/oci';
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import { plan, schedule } from '../world/schedule.ts';

const graceMs = 1_800;
const everyMs = 200;

/** Looks at the bodies that are open, from time to time. */
export function watchLeases(
  { shared, upstream, workers }: SimulatedCluster,
  digest: Digest,
  problem: (text: string) => void,
) {
  const since = new Map<object, { readonly generation: number; readonly atMs: number; readonly sentBytes: number }>();
  let isOver = false;
  const look = async () => {
    const record = await shared.index.fills.read(digest);
    for (const get of upstream.gets.filter((one) => one.digest === digest)) {
      const worker = workers.find(({ owner }) => owner === get.owner);
      const isLive = record !== undefined && record.state !== 'done' && record.state !== 'failed';
      const isForeign = isLive && record.address !== worker?.address;
      if (get.isClosed || worker === undefined || worker.owner.state !== 'running' || !isForeign) {
        since.delete(get);
        continue;
      }
      const before = since.get(get);
      if (before?.generation !== record.generation)
        since.set(get, { generation: record.generation, atMs: schedule.nowMs, sentBytes: get.sentBytes });
      else if (schedule.nowMs - before.atMs > graceMs && get.sentBytes > before.sentBytes)
        problem(`${worker.name} fetches on although ${record.address} owns the fill`);
    }
  };
  const lookAgain = () => {
    if (isOver) return;
    void look();
    plan(everyMs, lookAgain, { owner: undefined, label: 'lease watch', keepsAlive: false });
  };
  lookAgain();
  return {
    end() {
      isOver = true;
    },
  };
}

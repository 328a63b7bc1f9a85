// Starts what the workloads need, runs them one after another, and ends everything.
import { type S3, startS3 } from '@cistern/test-services';
import { openContenders } from './contenders/open-contenders.ts';
import { measure, type Measured } from './measure.ts';
import type { Options } from './options.ts';
import { startUpstream } from './upstream/start-upstream.ts';
import type { Workload } from './workloads/workload.ts';

export async function runWorkloads(
  workloads: readonly Workload[],
  { rounds, seconds, isFull }: Options,
  say: (text: string) => void,
): Promise<Measured[]> {
  await using ends = new AsyncDisposableStack();
  const upstream = ends.adopt(await startUpstream(), (started) => started.close());
  let s3: Promise<S3> | undefined;
  const startShared = async () => ends.adopt(await startS3(), (started) => started.close());
  const site = { upstream, s3: () => (s3 ??= startShared()) };
  const contenders = openContenders(site, say);
  const measured: Measured[] = [];
  try {
    for (const [position, workload] of workloads.entries()) {
      await contenders.keepOnly(workloads.slice(position).flatMap((later) => later.contenders));
      measured.push(await measure(workload, { site, contenders, rounds, seconds, isFull, say }));
    }
  } finally {
    await contenders.close();
  }
  return measured;
}

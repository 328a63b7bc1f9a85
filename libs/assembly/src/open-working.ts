// The part that works: it alone talks to upstreams, and others follow its fills.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '@cistern/config';
import {
  type AnswerFill,
  type FillTable,
  createAnswerFill,
  createFillTable,
  createJobHandlers,
  createStoreBacklog,
  handOverFills,
  openSpoolDirectory,
  startIndexKeeper,
  startSchedules,
} from '@cistern/pull-through';
import { advertisedAddress } from './advertised-address.ts';
import type { AssembleOptions } from './assemble-options.ts';
import type { Closers } from './closers.ts';
import type { Shared } from './open-shared.ts';
import { openUpstreams } from './open-upstreams.ts';
import { shareTokens } from './share-tokens.ts';

export interface Working {
  readonly fills: FillTable;
  /** Of the fill server, as the records of fills have it; empty without one. */
  readonly address: string;
  /** What the fill server answers; absent where there are no other nodes. */
  readonly answerFill: AnswerFill | undefined;
  /** Takes no more jobs, lets fills end, and asks others to go on with those that do not end in time. */
  close(graceMs: number): Promise<void>;
}

/** What handing over may take of the grace. */
const handOverMs = 15_000;
const handOverShare = 0.6;

export async function openWorking(
  config: Config,
  { index, store, jobs, remoteFills, instanceId }: Shared,
  options: AssembleOptions,
  { add }: Closers,
): Promise<Working> {
  const { log, metrics } = options;
  const { cluster, worker } = config;
  const spoolDirectory = store.spoolDirectory ?? worker.spool.directory ?? (await openTemporary(add));
  const spools = await openSpoolDirectory(spoolDirectory, worker.spool.maxBytes, (bytes) =>
    metrics.spoolBytes.set(bytes),
  );
  const tokens = cluster && shareTokens({ index, secret: cluster.secret.reveal(), now: Date.now });
  const upstreams = openUpstreams(config.upstreams, { ...options, instanceId, tokens });
  add(async () => {
    await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
  });
  const fills = createFillTable();
  const address = cluster === undefined ? '' : advertisedAddress(config.worker);
  const { maxWholeForRangeBytes } = worker;
  const backlog = createStoreBacklog({ log });
  add(() => backlog.close());
  const parts = { index, store, fills, backlog, log, metrics, now: Date.now };
  const workers = await jobs.work(
    createJobHandlers({ ...parts, upstreams, spools, address, remoteFills, maxWholeForRangeBytes }),
  );
  const keeper = startIndexKeeper({ index, store, log, now: Date.now });
  add(() => keeper.close());
  const schedules = startSchedules({ queue: jobs.queue, store, log });
  add(async () => schedules.close());
  return {
    fills,
    address,
    answerFill:
      cluster &&
      createAnswerFill({
        fills,
        clusterSecret: cluster.secret.reveal(),
        onSent: (bytes) => metrics.fillBytesSent.inc(bytes),
      }),
    async close(graceMs) {
      const closing = workers.close(graceMs);
      const finishMs = graceMs - Math.min(handOverMs, graceMs * handOverShare);
      const handingOver =
        remoteFills && setTimeout(() => void handOverFills({ ...parts, queue: jobs.queue }), finishMs);
      await closing;
      clearTimeout(handingOver);
    },
  };
}

/** For a store that has no filesystem; gone with the process. */
async function openTemporary(add: Closers['add']): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'cistern-spool-'));
  add(() => rm(path, { recursive: true, force: true }));
  return path;
}

// Starts a worker of a test cluster, with job handlers, fills, spool and fill server. The worker is one simulated process that
// can be killed.
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { JobClass } from '@cistern/jobs';
import { createMetrics, type Logger } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';
import type { FreshnessPolicy } from '../freshness/freshness.ts';
import {
  createAnswerFill,
  createFillTable,
  handOverFills,
  openSpoolDirectory,
  type PeerKeys,
  type RemoteFills,
  type SpoolDirectory,
} from '@cistern/fills';
import { hashHere } from '@cistern/fills/testing';
import { CacheError } from '@cistern/errors';
import { createPullHandlers } from '../work/create-pull-handlers.ts';
import { parkFills } from '../work/park-fills.ts';
import { refusePrewarms } from './refuse-prewarms.ts';
import type { TestQueue } from './create-test-queue.ts';
import { createSimulatedProcess, throughProcess } from './simulated-process.ts';

export interface TestWorkerParts {
  readonly name: string;
  readonly address: string;
  readonly peerKeys: PeerKeys;
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly upstreams: readonly Upstream[];
  readonly policy: FreshnessPolicy;
  readonly queue: TestQueue;
  readonly remoteFills: RemoteFills;
  readonly spoolPath: string;
  readonly spoolBytes: number;
  readonly perFillBytes?: number | undefined;
  readonly leastSegmentBytes: number;
  readonly slots: Readonly<Record<JobClass, number>>;
  /** Throws the error of a worker without a connection to any upstream. */
  readonly checkNetwork: () => void;
  readonly maxWholeForRangeBytes: number;
  readonly log: Logger;
  readonly now: () => number;
}

export async function startTestWorker(parts: TestWorkerParts) {
  const { name, address, peerKeys, log, now, queue, slots, maxWholeForRangeBytes } = parts;
  const process = createSimulatedProcess(name);
  const disk = { isFull: false };
  const spools = onDisk(
    await openSpoolDirectory(parts.spoolPath, {
      maxBytes: parts.spoolBytes,
      perFillBytes: parts.perFillBytes,
      leastSegmentBytes: parts.leastSegmentBytes,
    }),
    disk,
  );
  const fills = createFillTable();
  const index = throughProcess(parts.index, process);
  const store = throughProcess(parts.store, process, 'store');
  const metrics = createMetrics();
  const sent = { bytes: 0 };
  const pulls = createPullHandlers({
    index,
    store,
    upstreams: new Map(
      parts.upstreams.map((upstream) => [upstream.name, upstreamThrough(upstream, process, parts.checkNetwork)]),
    ),
    policyOf: () => parts.policy,
    adoptAs: () => 'docker.io',
    spools,
    fills,
    address,
    remoteFills: parts.remoteFills,
    maxWholeForRangeBytes,
    openHash: hashHere,
    log,
    metrics,
    now,
  });
  const onSent = (bytes: number) => void (sent.bytes += bytes);
  const server = createServer(createAnswerFill({ fills, keys: peerKeys, address, now, onSent }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const parked = parkFills({ handlers: { ...pulls, ...refusePrewarms() }, slots, queue: queue.queue, log });
  const jobs = queue.join(process, parked.handlers);

  return {
    process,
    fills,
    spools,
    metrics,
    sent,
    server,
    port: (server.address() as AddressInfo).port,
    loseJobs: jobs.lose,
    fillDisk: () => void (disk.isFull = true),
    closeJobs: async (graceMs: number) => void (await Promise.all([jobs.close(graceMs), parked.close(graceMs)])),
    /** Ends the pending calls and jobs of the process after it was killed. */
    async end() {
      process.end();
      jobs.end();
      await parked.close(0);
    },
    handOver: () => handOverFills({ fills, index, queue: queue.queue, log }),
    closeServer: () => closeServer(server),
  };
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

/** Wraps spools so that their disk can become full, with the errors of a real disk. */
function onDisk(spools: SpoolDirectory, disk: { readonly isFull: boolean }): SpoolDirectory {
  const checkSpace = () => {
    if (disk.isFull) throw new CacheError('store-unavailable', 'The disk is full.', { retryable: true, isLocal: true });
  };
  return {
    ...spools,
    get usedBytes() {
      return spools.usedBytes;
    },
    async admit(bytes) {
      checkSpace();
      await spools.admit(bytes);
    },
    open(request) {
      const spool = spools.open(request);
      const { files } = spool;
      return {
        ...spool,
        files: {
          ...files,
          async write(...given) {
            checkSpace();
            await files.write(...given);
          },
        },
      };
    },
  };
}

/** Wraps an upstream for a process. Killing the process closes its connections. */
function upstreamThrough(
  inner: Upstream,
  process: ReturnType<typeof createSimulatedProcess>,
  checkNetwork: () => void,
): Upstream {
  const through = throughProcess(inner, process, inner.name);
  return {
    ...through,
    name: inner.name,
    async headManifest(...given) {
      checkNetwork();
      return through.headManifest(...given);
    },
    async getManifest(...given) {
      checkNetwork();
      return through.getManifest(...given);
    },
    async headBlob(...given) {
      checkNetwork();
      return through.headBlob(...given);
    },
    async getBlob(...given) {
      checkNetwork();
      const step = `${inner.name}.getBlob`;
      await process.pass(step);
      const opened = await inner.getBlob(...given);
      const forget = process.onKilled(opened.close);
      async function* body() {
        try {
          for await (const chunk of opened.body) {
            await process.pass(`${step}.chunk`);
            yield chunk;
          }
        } catch (error) {
          await process.pass();
          throw error;
        } finally {
          forget();
        }
      }
      await process.pass(`${step} done`);
      return { ...opened, body: body() };
    },
  };
}

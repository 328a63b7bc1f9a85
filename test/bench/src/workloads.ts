// The workloads: what a fleet does most, and what hurts most. Each gives figures by name, in an order of its own.
import type { FakeUpstream } from '@cistern/fake-upstream';
import { pullAtOnce } from '@cistern/herds';
import type { Contender } from './contenders.ts';
import { headLoad } from './head-load.ts';
import { cpuSeconds } from './process-figures.ts';
import { acceptedTypes, type Load, type LoadResult, wrk } from './wrk.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly better: 'higher' | 'lower';
}

interface Run {
  readonly contender: Contender;
  readonly upstream: FakeUpstream;
  /** From 0; every contender has every round. */
  readonly round: number;
  /** Of load. */
  readonly seconds: number;
}

export interface Workload {
  readonly title: string;
  /** The figure that a table shows. */
  readonly headline: string;
  run(run: Run): Promise<readonly Figure[]>;
}

const mebibyte = 1024 * 1024;
const repository = 'library/bench';

export const workloads: Readonly<Record<string, Workload>> = {
  'manifest-by-tag': requests('Manifests by tag, 64 connections', 64, ({ tag }) => tag),
  'manifest-by-digest': requests('Manifests by digest, 64 connections', 64, ({ digest }) => digest),
  'manifest-head': requests('HEAD of manifests by tag, 64 connections', 64, ({ tag }) => tag, headLoad),
  'blob-4k': requests('Blobs of 4 KB, 64 connections', 64, ({ small }) => small),
  'blob-64m': {
    title: 'One blob of 64 MiB, 8 connections',
    headline: 'CPU s/GB',
    async run({ contender, upstream, seconds }) {
      const { digest } = upstream.addBlob(repository, { size: 64 * mebibyte, seed: 'large' });
      const url = `${contender.url}/v2/${repository}/blobs/${digest}`;
      await warmUp(url);
      const before = cpuSeconds(contender.pids);
      const { bytes, seconds: took } = await wrk({ url, connections: 8, seconds: seconds * 2 });
      return [
        { name: 'MB/s', value: bytes / took / 1e6, better: 'higher' },
        { name: 'CPU s/GB', value: (cpuSeconds(contender.pids) - before) / (bytes / 1e9), better: 'lower' },
      ];
    },
  },
  'cold-herd': {
    title: 'A cold blob of 64 MiB for 20 clients at once',
    headline: 'upstream GETs',
    async run({ contender, upstream, round }) {
      const plan = { size: 64 * mebibyte, seed: 1000 + round, clients: 20 };
      const { digest } = upstream.addBlob(repository, plan);
      const [getsBefore, sentBefore] = [upstream.count({ digest, method: 'GET' }), upstream.bytesSent(digest)];
      const url = `${contender.url}/v2/${repository}/blobs/${digest}`;
      const { firstByteMs, lastEndMs } = await pullAtOnce({ ...plan, url });
      const sent = upstream.bytesSent(digest) - sentBefore;
      const gets = upstream.count({ digest, method: 'GET' }) - getsBefore;
      return [
        { name: 'upstream GETs', value: gets, better: 'lower' },
        { name: 'upstream bytes/blob', value: sent / plan.size, better: 'lower' },
        { name: 'first byte p99 ms', value: firstByteMs.at(-1) ?? Number.NaN, better: 'lower' },
        { name: 'all ended ms', value: lastEndMs, better: 'lower' },
      ];
    },
  },
};

interface Paths {
  readonly tag: string;
  readonly digest: string;
  readonly small: string;
}

function requests(
  title: string,
  connections: number,
  choose: (paths: Paths) => string,
  send: (load: Load) => Promise<LoadResult> = wrk,
): Workload {
  return {
    title,
    headline: 'requests/s',
    async run({ contender, upstream, seconds }) {
      const image = upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
      const small = upstream.addBlob(repository, { size: 4096, seed: 'small' });
      const manifests = `${contender.url}/v2/${repository}/manifests`;
      const url = choose({
        tag: `${manifests}/latest`,
        digest: `${manifests}/${image.digest}`,
        small: `${contender.url}/v2/${repository}/blobs/${small.digest}`,
      });
      await warmUp(url);
      await send({ url, connections, seconds: 1 });
      const before = cpuSeconds(contender.pids);
      const { requests: answered, seconds: took, p99Ms } = await send({ url, connections, seconds });
      return [
        { name: 'requests/s', value: answered / took, better: 'higher' },
        { name: 'CPU µs/request', value: ((cpuSeconds(contender.pids) - before) / answered) * 1e6, better: 'lower' },
        { name: 'p99 ms', value: p99Ms, better: 'lower' },
      ];
    },
  };
}

/** Twice: the first answer may come from the fill that brings it. */
async function warmUp(url: string): Promise<void> {
  for (let pull = 0; pull < 2; pull += 1) {
    const response = await fetch(url, { headers: { accept: acceptedTypes } });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    await response.arrayBuffer();
  }
}

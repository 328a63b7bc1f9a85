// The cases: what a fleet does most, and what hurts most. Each gives figures by name; higher or lower is better by unit.
import type { FakeUpstream } from '@cistern/fake-upstream';
import { pullAtOnce } from '@cistern/herds';
import { type Subject, cpuSeconds } from './subject.ts';
import { wrk } from './wrk.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly better: 'higher' | 'lower';
}

export type Case = (subject: Subject, upstream: FakeUpstream, round: number) => Promise<readonly Figure[]>;

const mebibyte = 1024 * 1024;
const repository = 'library/bench';
const seconds = 5;
/** registry:2 answers 404 to a client that does not name the manifest's type. */
const acceptedTypes = 'application/vnd.docker.distribution.manifest.v2+json, */*';

export const cases: Readonly<Record<string, Case>> = {
  async 'manifest-hit'(subject, upstream) {
    upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
    const url = `${subject.url}/v2/${repository}/manifests/latest`;
    await drain(url);
    const before = cpuSeconds(subject.pid);
    const { requests, seconds: took } = await wrk(url, acceptedTypes, 32, seconds);
    return [
      { name: 'requests/s', value: requests / took, better: 'higher' },
      { name: 'CPU µs/request', value: ((cpuSeconds(subject.pid) - before) / requests) * 1e6, better: 'lower' },
    ];
  },

  async 'blob-hit'(subject, upstream) {
    const { digest } = upstream.addBlob(repository, { size: 64 * mebibyte, seed: 'hit' });
    const url = `${subject.url}/v2/${repository}/blobs/${digest}`;
    await drain(url);
    await drain(url);
    const before = cpuSeconds(subject.pid);
    const { bytes, seconds: took } = await wrk(url, acceptedTypes, 4, seconds);
    return [
      { name: 'MB/s', value: bytes / took / 1e6, better: 'higher' },
      { name: 'CPU s/GB', value: (cpuSeconds(subject.pid) - before) / (bytes / 1e9), better: 'lower' },
    ];
  },

  async 'cold-herd'(subject, upstream, round) {
    const plan = { size: 64 * mebibyte, seed: 1000 + round, clients: 50 };
    const { digest } = upstream.addBlob(repository, plan);
    const sentBefore = upstream.bytesSent(digest);
    const { firstByteMs, lastEndMs } = await pullAtOnce({
      ...plan,
      url: `${subject.url}/v2/${repository}/blobs/${digest}`,
    });
    return [
      {
        name: 'median first byte ms',
        value: firstByteMs[Math.floor(firstByteMs.length / 2)] ?? Number.NaN,
        better: 'lower',
      },
      { name: 'all ended ms', value: lastEndMs, better: 'lower' },
      { name: 'upstream bytes/blob', value: (upstream.bytesSent(digest) - sentBefore) / plan.size, better: 'lower' },
    ];
  },
};

async function drain(url: string): Promise<void> {
  const response = await fetch(url, { headers: { accept: acceptedTypes } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  await response.arrayBuffer();
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOf } from '@cistern/oci/testing';
import { createLogger } from '@cistern/telemetry';
import { repositoryOf } from '@cistern/index/testing';
import { parseDigest, parseRepositoryName } from '@cistern/oci';
import type { BlobRequestOptions } from '@cistern/upstream';
import type { RemoteFills } from '../remote/open-remote-fills.ts';
import { continueFill } from './continue-fill.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const repository = parseRepositoryName('library/app');
const predecessor = { address: 'http://worker:1', fillId: 'fill', digest, source: repositoryOf('docker.io', 'app') };
const log = createLogger({ level: 'error', formatter: 'json' });

const bytes = bytesOf(1000);

/** A worker that has these runs of a blob of 1,000 bytes, and returns ten bytes per read. It counts its open readers. */
function startPredecessor(runs: readonly (readonly [start: number, end: number])[]) {
  let openReaders = 0;
  const remote = {
    async openPresent(_place: unknown, from: number) {
      const run = runs.find(([, end]) => end > from);
      if (run === undefined) return undefined;
      openReaders += 1;
      const [start, endExclusive] = [Math.max(from, run[0]), run[1]];
      let at = start;
      const reader = {
        async read(into: Buffer) {
          const length = bytes.copy(into, 0, at, Math.min(at + 10, endExclusive));
          at += length;
          return length;
        },
        close: () => void (openReaders -= 1),
      };
      return { start, endExclusive, reader };
    },
  } as unknown as RemoteFills;
  const requested: [number, number | undefined][] = [];
  const upstream = {
    name: 'docker.io',
    headBlob: async () => 1000,
    async getBlob(_repository: unknown, _digest: unknown, { from = 0, toExclusive }: BlobRequestOptions = {}) {
      requested.push([from, toExclusive]);
      async function* body() {
        yield Buffer.from(bytes.subarray(from, toExclusive));
      }
      return { start: from, totalSize: 1000, body: body(), close() {} };
    },
  };
  const continued = continueFill(upstream, remote, predecessor, 1000, log);
  const read = async (range?: BlobRequestOptions) => {
    const { body } = await continued.getBlob(repository, digest, range);
    return Buffer.concat(await Array.fromAsync(body));
  };
  return { continued, read, requested, openReaders: () => openReaders };
}

test('the bytes of the other worker are copied, and the rest comes from upstream', async () => {
  const { read, requested, openReaders } = startPredecessor([[0, 300]]);
  assert.ok((await read()).equals(bytes));
  assert.deepEqual(requested, [[300, undefined]]);
  assert.equal(openReaders(), 0);
});

test('segments that arrived out of order are also copied', async () => {
  const { read, requested, openReaders } = startPredecessor([
    [100, 300],
    [500, 700],
    [900, 1000],
  ]);
  assert.ok((await read()).equals(bytes));
  assert.ok((await read({ from: 250, toExclusive: 950 })).equals(bytes.subarray(250, 950)));
  assert.ok((await read({ from: 300, toExclusive: 400 })).equals(bytes.subarray(300, 400)));
  const gaps = [
    [300, 500],
    [700, 900],
  ];
  assert.deepEqual(requested, [[0, 100], ...gaps, ...gaps, [300, 400]]);
  assert.equal(openReaders(), 0);
});

test('a copy that is no longer read closes its reader at the other worker', async () => {
  const { continued, requested, openReaders } = startPredecessor([[0, 300]]);
  const { body } = await continued.getBlob(repository, digest);
  for await (const _piece of body) {
    assert.equal(openReaders(), 1);
    break;
  }
  assert.equal(openReaders(), 0);
  assert.deepEqual(requested, []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '@cistern/telemetry';
import { repositoryOf } from '@cistern/index/testing';
import { parseDigest, parseRepositoryName } from '@cistern/oci';
import type { RemoteFills } from '../remote/open-remote-fills.ts';
import { continueFill } from './continue-fill.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const repository = parseRepositoryName('library/app');
const predecessor = { address: 'http://worker:1', fillId: 'fill', digest, source: repositoryOf('docker.io', 'app') };
const log = createLogger({ level: 'error', formatter: 'json' });

/** A worker that has the first `presentBytes` of 1,000, ten at a time; counts its readers that are open. */
function startPredecessor(presentBytes: number) {
  let openReaders = 0;
  const remote = {
    async openPresent(_place: unknown, from: number) {
      if (from >= presentBytes) return undefined;
      openReaders += 1;
      let left = presentBytes - from;
      const reader = {
        async read(into: Buffer) {
          const length = Math.min(10, left, into.length);
          left -= length;
          return length;
        },
        close: () => void (openReaders -= 1),
      };
      return { endExclusive: presentBytes, reader };
    },
  } as unknown as RemoteFills;
  const requested: number[] = [];
  const upstream = {
    name: 'docker.io',
    headBlob: async () => 1000,
    async getBlob(_repository: unknown, _digest: unknown, { from = 0 } = {}) {
      requested.push(from);
      async function* body() {
        yield Buffer.alloc(1000 - from);
      }
      return { start: from, totalSize: 1000, body: body(), close() {} };
    },
  };
  const continued = continueFill(upstream, remote, predecessor, 1000, log);
  return { continued, requested, openReaders: () => openReaders };
}

test('the bytes of the other worker are copied, and the rest comes from upstream', async () => {
  const { continued, requested, openReaders } = startPredecessor(300);
  const { body } = await continued.getBlob(repository, digest);
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  assert.equal(bytes, 1000);
  assert.deepEqual(requested, [300]);
  assert.equal(openReaders(), 0);
});

test('a copy that is not read any more lets go of the other worker', async () => {
  const { continued, requested, openReaders } = startPredecessor(300);
  const { body } = await continued.getBlob(repository, digest);
  for await (const _piece of body) {
    assert.equal(openReaders(), 1);
    break;
  }
  assert.equal(openReaders(), 0);
  assert.deepEqual(requested, []);
});

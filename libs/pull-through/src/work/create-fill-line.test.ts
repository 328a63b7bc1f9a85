import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { repositoryOf } from '@cistern/index/testing';
import { createFillLine, type FillLine, type ParkedFill } from './create-fill-line.ts';

const signal = new AbortController().signal;

interface FillOptions {
  readonly upstream?: string;
  readonly requestedAtMs?: number;
  readonly resumes?: boolean;
  readonly replaces?: number;
  readonly class?: 'interactive' | 'background';
}

function fillOf(name: string, options: FillOptions = {}): ParkedFill {
  const {
    upstream = 'docker.io',
    requestedAtMs = 0,
    resumes = false,
    replaces = 0,
    class: jobClass = 'interactive',
  } = options;
  const job = {
    ...repositoryOf(upstream, 'library/nginx'),
    digest: digestOf(Buffer.from(name)),
    replaces,
    from: 0,
    resumes,
  };
  return { job, context: { class: jobClass, signal }, requestedAtMs };
}

function parkMany(line: FillLine, upstream: string, count: number, options: FillOptions = {}): void {
  for (let number = 0; number < count; number += 1)
    line.park(fillOf(`${upstream} ${number}`, { ...options, upstream }));
}

/** Returns the upstreams of all fetches that are admitted now. */
function admitAll(line: FillLine, nowMs = 0): string[] {
  const admitted: string[] = [];
  for (let next = line.next(nowMs); next !== undefined; next = line.next(nowMs)) admitted.push(next.job.upstream);
  return admitted;
}

test('a single upstream takes all slots, and no more', () => {
  const line = createFillLine(8);
  parkMany(line, 'docker.io', 20);
  assert.equal(admitAll(line).length, 8);
  assert.equal(line.size, 12);
  line.release('docker.io');
  assert.equal(admitAll(line).length, 1);
});

test('a later upstream gets slots immediately, although another has taken all slots', () => {
  const line = createFillLine(16);
  parkMany(line, 'slow.io', 40);
  assert.equal(admitAll(line).length, 16);
  parkMany(line, 'docker.io', 10);
  assert.deepEqual(admitAll(line), ['docker.io', 'docker.io']);
});

test('a free slot goes to the upstream with the fewest fetches', () => {
  const line = createFillLine(8);
  parkMany(line, 'slow.io', 20);
  admitAll(line);
  parkMany(line, 'docker.io', 20);
  admitAll(line);
  const given: string[] = [];
  for (let ended = 0; ended < 4; ended += 1) {
    line.release('slow.io');
    given.push(...admitAll(line));
  }
  // Nine fetches run, but there are eight slots, so the first fetch that ends frees no slot.
  assert.deepEqual(given, ['docker.io', 'docker.io', 'docker.io']);
});

test('at most twice the slots are taken, however many upstreams there are', () => {
  const line = createFillLine(8);
  for (let number = 0; number < 40; number += 1) parkMany(line, `registry-${number}.io`, 4);
  assert.equal(admitAll(line).length, 16);
});

test('a fetch with a reader half-way goes first, and needs no free slot', () => {
  const line = createFillLine(2);
  parkMany(line, 'docker.io', 5);
  assert.equal(admitAll(line).length, 2);
  const resumed = fillOf('half-way', { resumes: true, replaces: 7 });
  line.park(resumed);
  assert.equal(line.next(0)?.job.digest, resumed.job.digest);
  line.release('docker.io');
  line.park(fillOf('half-way too', { resumes: true, replaces: 3 }));
  assert.equal(line.next(0)?.job.digest, digestOf(Buffer.from('half-way too')));
});

test('a digest that is requested again keeps its place, and its newest generation', () => {
  const line = createFillLine(1);
  line.park(fillOf('first'));
  line.park(fillOf('second'));
  line.park(fillOf('first', { replaces: 5, requestedAtMs: 9_000 }));
  assert.equal(line.size, 2);
  const next = line.next(12_000);
  assert.equal(next?.job.digest, digestOf(Buffer.from('first')));
  assert.equal(next?.job.replaces, 5);
});

test('a fetch without a request within ten seconds is dropped, unless it is a background fetch', () => {
  const line = createFillLine(4);
  line.park(fillOf('left'));
  line.park(fillOf('wanted', { requestedAtMs: 8_000 }));
  assert.equal(line.next(10_001)?.job.digest, digestOf(Buffer.from('wanted')));
  assert.equal(line.next(10_001), undefined);
  assert.equal(line.size, 0);
  const background = createFillLine(4);
  background.park(fillOf('early', { class: 'background' }));
  assert.equal(background.next(1_000_000)?.job.digest, digestOf(Buffer.from('early')));
});

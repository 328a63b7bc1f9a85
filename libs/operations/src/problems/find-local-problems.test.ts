import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import type { StoreCheck } from '@cistern/runtime/process';
import { createMetrics } from '@cistern/telemetry';
import type { KnownBudget } from '@cistern/upstream';
import { createFound, createLocalFinder, type LocalParts, localParts } from './find-local-problems.ts';

const found = createFound(loadConfig({ env: {}, defaults: { rootDirectory: '/' } }));
const unavailable = new CacheError('index-unavailable', 'Redis does not answer.');
const day = 24 * 3_600_000;

/** Creates a finder of a worker whose parts a test can break. */
function open() {
  const broken: Record<'index' | 'writing' | 'space' | 'workers', Error | undefined> = {
    index: undefined,
    writing: undefined,
    space: undefined,
    workers: undefined,
  };
  const state = {
    offMs: 0,
    fullIndex: undefined as string | undefined,
    fullStore: undefined as string | undefined,
    spool: undefined as string | undefined,
    store: undefined as Awaited<ReturnType<StoreCheck['failure']>>,
    slowMs: undefined as number | undefined,
    budgets: [] as readonly KnownBudget[],
  };
  const check = (name: keyof typeof broken) => async () => {
    const error = broken[name];
    if (error !== undefined) throw error;
  };
  const metrics = createMetrics({ upstreams: ['docker.io'] });
  const parts: LocalParts = {
    index: {
      check: check('index'),
      async findFull() {
        await check('writing')();
        return state.fullIndex;
      },
      now: () => Date.now() + state.offMs,
    },
    async findFullStore() {
      await check('space')();
      return state.fullStore;
    },
    spool: { findFull: async () => state.spool },
    workers: { assertAlive: check('workers') },
    ledger: { known: () => state.budgets },
  };
  const storeCheck = {
    failure: async () => state.store,
    slowMs: () => state.slowMs,
    close: async () => {},
  };
  const find = createLocalFinder(found, parts, storeCheck, metrics);
  return { broken, state, metrics, parts, find, kinds: async () => (await find()).map(({ kind }) => kind) };
}

test('a node whose parts work has no problems', async () => {
  const { find, parts } = open();
  assert.deepEqual(await find(), []);
  assert.deepEqual(localParts({ ...parts, ledger: undefined, spool: undefined }), [
    'index',
    'store',
    'workers',
    'certificates',
    'clock',
  ]);
});

test('an index that does not answer is the only cause that is shown for it', async () => {
  const { find, broken, state } = open();
  Object.assign(broken, { index: unavailable, writing: unavailable, workers: unavailable });
  state.offMs = 60_000;
  assert.partialDeepStrictEqual(await find(), [
    {
      kind: 'index-unavailable',
      part: 'index',
      severity: 'critical',
      isUnready: true,
      reason: 'Redis does not answer.',
    },
  ]);
});

test('a full index takes the reports of workers, so missing ones are another problem', async () => {
  const { broken, state, find } = open();
  broken.workers = new Error('none');
  state.fullIndex = 'Its memory is full';
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'index-full', severity: 'critical', reason: 'Its memory is full.' },
    { kind: 'no-worker' },
  ]);
});

test('an index that refuses writes for another reason hides missing workers, and the node stays ready', async () => {
  const { broken, find } = open();
  broken.workers = new Error('none');
  broken.writing = new Error('it is a read-only replica');
  const problems = await find();
  assert.partialDeepStrictEqual(problems, [{ kind: 'index-unwritable', reason: 'it is a read-only replica.' }]);
  assert.deepEqual([problems.length, problems[0]?.isUnready], [1, undefined]);
});

test('missing workers and a wrong clock are separate problems', async () => {
  const { find, broken, state } = open();
  broken.workers = new Error('none');
  state.offMs = 60_000;
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'no-worker', part: 'workers', severity: 'critical' },
    { kind: 'clock-off', severity: 'warning', reason: 'The clock of this machine is 60 s behind Redis.' },
  ]);
  state.offMs = -90_000;
  assert.match((await find()).at(-1)?.reason ?? '', /is 90 s ahead of Redis/);
});

test('a store that fails makes the node unready only after the threshold, and a full one never', async () => {
  const { find, broken, state, kinds } = open();
  state.store = { error: new Error('no server listens'), isUnready: false };
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'store-unavailable', severity: 'warning', isUnready: false, reason: 'no server listens.' },
  ]);
  state.store = { ...state.store, isUnready: true };
  assert.partialDeepStrictEqual(await find(), [{ severity: 'critical', isUnready: true }]);
  state.store = undefined;
  state.fullStore = 'The store is full: no byte is free.';
  assert.partialDeepStrictEqual(await find(), [{ kind: 'store-full', reason: 'The store is full: no byte is free.' }]);
  state.fullStore = undefined;
  broken.space = new Error('EIO');
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'store-unavailable', severity: 'warning', isUnready: false, reason: 'EIO.' },
  ]);
  broken.space = undefined;
  assert.deepEqual(await kinds(), []);
  state.slowMs = 2_499.6;
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'store-slow', reason: 'The store needs 2500 ms for a small object.' },
  ]);
});

test('a full spool is a problem', async () => {
  const { find, state } = open();
  state.spool = 'its disk has 3 bytes.';
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'spool-full', reason: 'The spool is full: its disk has 3 bytes.' },
  ]);
});

test('certificates are problems in their last week, when they have expired, and when the next one is unusable', async () => {
  const { find, metrics } = open();
  const expireIn = (ms: number) => metrics.certificateExpiry.set({ listener: 'http' }, (Date.now() + ms) / 1000);
  expireIn(8 * day);
  assert.deepEqual(await find(), []);
  expireIn(6.1 * day);
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'certificate-expires', subject: 'http', reason: 'The certificate expires in 6 days.' },
  ]);
  expireIn(-3 * 3_600_000);
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'certificate-expired', severity: 'critical', reason: 'The certificate expired 3 hours ago.' },
  ]);
  expireIn(30 * day);
  metrics.causes.note('certificate', 'http', new Error('The key does not match.'));
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'certificate-unusable', reason: 'The new certificate cannot be used: The key does not match.' },
  ]);
  metrics.causes.clear('certificate', 'http');
  assert.deepEqual(await find(), []);
});

const upstream = 'docker.io';

test('an upstream without a usable endpoint names the cause, and one with an alternate says so', async () => {
  const { find, metrics } = open();
  metrics.upstreamEndpointState.set({ upstream, endpoint: 'a' }, 2);
  metrics.upstreamEndpointState.set({ upstream, endpoint: 'b' }, 0);
  metrics.causes.note('endpoint', 'docker.io a', new Error('connect ECONNREFUSED'));
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'upstream-on-alternate', subject: upstream, reason: 'a is not used: connect ECONNREFUSED.' },
  ]);
  metrics.upstreamEndpointState.set({ upstream, endpoint: 'b' }, 2);
  assert.partialDeepStrictEqual(await find(), [{ kind: 'upstream-failing', severity: 'warning' }]);
});

test('refused credentials name the account and the cause', async () => {
  const { find, metrics } = open();
  const labels = { upstream, endpoint: 'a', credential: 'robot' };
  metrics.upstreamBudget.credentialsRefused.set(labels, 1);
  metrics.causes.note('credential', 'docker.io a robot', 'the registry refuses it');
  assert.partialDeepStrictEqual(await find(), [
    {
      kind: 'credentials-refused',
      severity: 'critical',
      subject: upstream,
      reason: 'The account robot of docker.io cannot be used: the registry refuses it.',
    },
  ]);
});

test('pauses after 429 and accounts without pulls are problems', async () => {
  const { find, state } = open();
  const account = { upstream, endpoint: 'a', account: 'robot', reportedAtMs: 1, limit: 100 };
  state.budgets = [{ ...account, remaining: 1 }];
  assert.deepEqual(await find(), []);
  state.budgets = [{ ...account, remaining: 0 }];
  assert.partialDeepStrictEqual(await find(), [
    { kind: 'upstream-exhausted', reason: 'The account robot has no pulls left at docker.io.' },
  ]);
  state.budgets = [{ ...account, remaining: 0, backedOffUntilMs: 3_723_000 }];
  assert.partialDeepStrictEqual(await find(), [
    {
      kind: 'upstream-throttled',
      reason: 'docker.io answered 429 Too Many Requests. No request is sent to it before 01:02:03 UTC.',
    },
  ]);
});

test('a mismatch is a problem for ten minutes, and slow answers while they are slow', async () => {
  const { find, metrics, state, kinds } = open();
  assert.deepEqual(await find(), []);
  metrics.contentMismatches.inc({ upstream }, 2);
  const labels = { upstream, operation: 'get-blob' } as const;
  metrics.upstreamRequestDuration.observe(labels, 9);
  metrics.upstreamRequestDuration.observe(labels, 10);
  assert.deepEqual(await kinds(), ['upstream-mismatch']);
  metrics.upstreamRequestDuration.observe(labels, 11);
  assert.partialDeepStrictEqual(await find(), [
    {
      kind: 'upstream-mismatch',
      subject: upstream,
      reason: 'docker.io sent bytes that do not match their digest (2 times in ten minutes).',
    },
    { kind: 'upstream-slow', reason: 'docker.io needs 10 s to begin an answer.' },
  ]);
  state.offMs += 31_000;
  assert.deepEqual((await kinds()).toSorted(), ['clock-off', 'upstream-mismatch']);
  state.offMs += 600_000;
  assert.deepEqual(await kinds(), ['clock-off']);
});

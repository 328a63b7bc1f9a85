import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createMetrics } from '@cistern/telemetry';
import { until } from '../testing/until.ts';
import { type Finding, openProblemBoard } from './problem-board.ts';

const words = { reason: 'It hangs.', works: 'Nothing.', mend: 'Wait.' };
const index: Finding = { ...words, kind: 'index-slow', part: 'index', severity: 'warning' };
const store: Finding = { ...words, kind: 'store-full', part: 'store', severity: 'critical' };

function open(t: TestContext) {
  const state = { found: [] as readonly Finding[], nowMs: 1_000, checks: 0, failure: undefined as Error | undefined };
  const warnings: unknown[] = [];
  const log = { warn: ({ err }: { readonly err: unknown }) => void warnings.push(err) };
  const metrics = createMetrics();
  const find = async () => {
    state.checks += 1;
    if (state.failure !== undefined) throw state.failure;
    return state.found;
  };
  const board = openProblemBoard({ parts: ['index', 'store'], find, metrics, now: () => state.nowMs, log, everyMs: 5 });
  t.after(() => board.close());
  async function show(...found: readonly Finding[]) {
    state.found = found;
    const { checks } = state;
    await until(() => state.checks > checks + 1);
    return board.current();
  }
  const read = async (name: string) =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith(name))
      .map((line) => line.slice(name.length));
  return { state, warnings, board, show, read };
}

test('a problem keeps its beginning while it lasts, and gets a new one when it returns', async (t) => {
  const { state, show } = open(t);
  assert.partialDeepStrictEqual(await show(index), [{ sinceMs: 1_000 }]);
  state.nowMs = 2_000;
  assert.partialDeepStrictEqual(await show({ ...index, reason: 'It still hangs.' }), [
    { sinceMs: 1_000, reason: 'It still hangs.' },
  ]);
  assert.deepEqual(await show(), []);
  assert.partialDeepStrictEqual(await show(index), [{ sinceMs: 2_000 }]);
  // A node has reported when its problem began.
  assert.partialDeepStrictEqual(await show({ ...store, sinceMs: 7 }), [{ sinceMs: 7 }]);
});

test('critical problems come first, then the oldest, and each problem once', async (t) => {
  const { show } = open(t);
  const found = await show(index, { ...index, subject: 'b', sinceMs: 5 }, store, { ...store, reason: 'Again.' });
  assert.deepEqual(
    found.map(({ kind, subject, reason }) => [kind, subject, reason]),
    [
      ['store-full', undefined, 'It hangs.'],
      ['index-slow', 'b', 'It hangs.'],
      ['index-slow', undefined, 'It hangs.'],
    ],
  );
});

test('metrics show critical parts as down, and when each problem began', async (t) => {
  const { show, read } = open(t);
  await show(index, store, { ...store, subject: 'b' });
  assert.deepEqual(await read('cistern_part_up'), ['{part="index"} 1', '{part="store"} 0']);
  assert.deepEqual(await read('cistern_problem_since_timestamp_seconds'), [
    '{part="store",kind="store-full",subject="",severity="critical"} 1',
    '{part="store",kind="store-full",subject="b",severity="critical"} 1',
    '{part="index",kind="index-slow",subject="",severity="warning"} 1',
  ]);
  await show();
  assert.deepEqual(await read('cistern_part_up'), ['{part="index"} 1', '{part="store"} 1']);
  assert.deepEqual(await read('cistern_problem_since_timestamp_seconds'), []);
});

test('checks that reject leave the problems as they are, and are logged once', async (t) => {
  const { state, warnings, board, show } = open(t);
  await show(store);
  state.failure = new TypeError('a bug');
  assert.partialDeepStrictEqual(await show(), [{ kind: 'store-full' }]);
  assert.deepEqual(warnings, [state.failure]);
  state.failure = undefined;
  assert.deepEqual(await show(), []);
  assert.deepEqual(board.current(), []);
});

test('a request waits for the first checks, and for no later ones', async (t) => {
  let checks = 0;
  const { promise: first, resolve: endFirst } = Promise.withResolvers<readonly Finding[]>();
  const find = () => {
    checks += 1;
    return checks === 1 ? first : new Promise<readonly Finding[]>(() => {});
  };
  const board = openProblemBoard({ parts: [], find, now: () => 1, log: { warn() {} }, everyMs: 5 });
  let isAnswered = false;
  const looked = board.look().then((problems) => {
    isAnswered = true;
    return problems;
  });
  await until(() => checks === 1);
  assert.equal(isAnswered, false);
  endFirst([index]);
  assert.equal((await looked).length, 1);
  await until(() => checks === 2);
  assert.equal((await board.look()).length, 1);
  t.after(() => void board.close());
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAll } from '@cistern/runtime';
import { load } from '../testing.ts';
import { type LivePart, openLiveConfig } from './live-config.ts';

const configOf = (limit: number, upstream = 'quay.io') =>
  load(`limits: { requestsperminute: ${limit} }\nupstreams: { ${upstream}: {} }`);

/** Opens parts that record what happens to them. A limit of 13 cannot be opened. */
async function openParts() {
  const events: string[] = [];
  const { config, ...live } = openLiveConfig(configOf(1));
  const part: LivePart<number | undefined, string> = {
    name: 'the limit',
    select: ({ limits }) => limits.requestsPerMinute,
    async open(limit, { add }) {
      events.push(`open ${limit}`);
      add(async () => void events.push(`close ${limit}`));
      if (limit === 13) throw new Error('13 is not possible');
      return `limit ${limit}`;
    },
  };
  const opened = await openAll(async (closers) => ({
    names: config.live.derive(({ upstreams }) => upstreams.map(({ name }) => name)),
    limit: await config.live.open(part, closers),
    closeNode: () => closers.closeAll(),
  }));
  const seen: string[] = [];
  config.live.follow(() => seen.push(`${opened.names().join()} ${opened.limit()}`));
  return { ...opened, ...live, events, seen };
}

test('all values change in the same moment, and the replaced part closes afterwards', async () => {
  const { apply, close: closeReplaced, events, seen, closeNode } = await openParts();
  await apply(configOf(2, 'ghcr.io'));
  assert.deepEqual(seen, ['quay.io limit 1', 'ghcr.io limit 2']);
  await closeReplaced();
  assert.deepEqual(events.splice(0), ['open 1', 'open 2', 'close 1']);
  await closeNode();
  assert.deepEqual(events, ['close 2']);
});

test('a part whose settings are unchanged stays open', async () => {
  const { apply, names, limit, events } = await openParts();
  await apply(configOf(1, 'ghcr.io'));
  assert.deepEqual([names(), limit(), events], [['ghcr.io'], 'limit 1', ['open 1']]);
});

test('if a part cannot be opened, nothing changes and everything that was opened for the change closes', async () => {
  const { apply, close: closeReplaced, names, limit, events, seen } = await openParts();
  await assert.rejects(apply(configOf(13, 'ghcr.io')), /13 is not possible/);
  await closeReplaced();
  assert.deepEqual([names(), limit(), seen.length], [['quay.io'], 'limit 1', 1]);
  assert.deepEqual(events, ['open 1', 'open 13', 'close 13']);
  await apply(configOf(3));
  assert.equal(limit(), 'limit 3');
});

test('an aborted change leaves everything as it was, and the part that still opens closes when it has opened', async () => {
  const { config, apply, close: closeReplaced } = openLiveConfig(configOf(1));
  const events: string[] = [];
  const opening = Promise.withResolvers<void>();
  const limit = await openAll((closers) =>
    config.live.open(
      {
        name: 'the limit',
        select: ({ limits }) => limits.requestsPerMinute,
        async open(value, { add }) {
          if (value === 2) await opening.promise;
          add(async () => void events.push(`close ${value}`));
          return value;
        },
      },
      closers,
    ),
  );
  const stop = new AbortController();
  const applied = apply(configOf(2), stop.signal);
  stop.abort(new Error('Too slow.'));
  await assert.rejects(applied, /Opening the limit did not end: Too slow\./);
  await assert.rejects(apply(configOf(3), stop.signal), /Too slow/);
  assert.equal(limit(), 1);
  opening.resolve();
  await closeReplaced();
  assert.deepEqual(events, ['close 2']);
  await apply(configOf(3));
  assert.equal(limit(), 3);
});

test('a value that is derived after a change has the new settings', async () => {
  const { config, apply } = openLiveConfig(configOf(1));
  await apply(configOf(2));
  assert.equal(config.live.derive(({ limits }) => limits.requestsPerMinute)(), 2);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { CacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { createLogger } from '@cistern/telemetry';
import { startSchedules, sweepUploads } from './start-schedules.ts';

function keepLog() {
  const lines: string[] = [];
  const log = createLogger({ level: 'debug', formatter: 'json', destination: { write: (line) => lines.push(line) } });
  return { log, lines };
}

function recordSchedules(failure?: Error) {
  const scheduled: unknown[][] = [];
  const queue: Pick<JobQueue, 'schedule'> = {
    async schedule(...schedule) {
      scheduled.push(schedule);
      if (failure !== undefined) throw failure;
    },
  };
  return { scheduled, queue: queue as JobQueue };
}

const sweeping = { ...createMemoryStore(), sweepUploads: async () => 2 };

test('what a worker does by itself is scheduled at once and again each minute, until it is closed', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { queue, scheduled } = recordSchedules();
  const { close } = startSchedules({ queue, store: sweeping, log: keepLog().log });
  const sweep = ['sweep-uploads', { olderThanMs: 21_600_000 }, { everyMs: 3_600_000, dedupKey: 'store' }];
  assert.deepEqual(scheduled, [sweep]);
  t.mock.timers.tick(120_000);
  assert.deepEqual(scheduled, [sweep, sweep, sweep]);
  close();
  t.mock.timers.tick(120_000);
  assert.equal(scheduled.length, 3);
});

test('a store that needs no sweeping gets none', () => {
  const { queue, scheduled } = recordSchedules();
  startSchedules({ queue, store: createMemoryStore(), log: keepLog().log }).close();
  assert.deepEqual(scheduled, []);
});

test('a queue that is out of reach is left to the next minute; anything else is logged', async () => {
  for (const [failure, logged] of [
    [new CacheError('index-unavailable', 'Redis is away.'), 0],
    [new TypeError('a bug'), 1],
  ] as const) {
    const { log, lines } = keepLog();
    startSchedules({ ...recordSchedules(failure), store: sweeping, log }).close();
    await new Promise(setImmediate);
    assert.equal(lines.length, logged);
  }
});

test('sweeping ends uploads and says how many', async () => {
  const { log, lines } = keepLog();
  assert.equal(await sweepUploads({ store: sweeping, log }, { olderThanMs: 1 }), null);
  assert.match(lines.join(''), /"uploads":2/);
  assert.equal(await sweepUploads({ store: createMemoryStore(), log }, { olderThanMs: 1 }), null);
  assert.equal(lines.length, 1);
});

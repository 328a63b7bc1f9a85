import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger } from '@cistern/telemetry';
import { logQueueErrors } from './log-queue-errors.ts';
import type { RedisClient } from './redis-clients.ts';

function start(t: TestContext) {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write } });
  const client = Object.assign(new EventEmitter(), { status: 'ready' });
  const errors = logQueueErrors(client as unknown as RedisClient, log);
  t.after(errors.close);
  return {
    errors,
    begin() {
      client.status = 'reconnecting';
      client.emit('error', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    },
    end() {
      client.status = 'ready';
      client.emit('ready');
    },
    shown: () => lines.map(({ msg, failures }) => [msg, failures]),
  };
}

test('only errors of the connection belong to an outage of Redis', (t) => {
  const { errors, begin, end, shown } = start(t);
  begin();
  errors.note(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  errors.note(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
  errors.note(new Error('Command timed out'));
  errors.note(new Error('Missing lock for job 7'));
  end();
  assert.deepEqual(shown(), [
    ['index unavailable, falling back to memory and store', undefined],
    ['job queue error', undefined],
    ['index available again', 4],
  ]);
});

test('without an outage the client itself reports its connection, and a slow command is an error', async (t) => {
  const { errors, shown } = start(t);
  errors.note(new Error('Connection is closed.'));
  assert.deepEqual(shown(), []);
  errors.note(new Error('Command timed out'));
  errors.note(new Error('Command timed out'));
  assert.deepEqual(shown(), [['job queue error', undefined]]);
  await delay(61_000);
  errors.note(new Error('Command timed out'));
  assert.equal(shown().length, 2);
});

test('an outage ends without a line when the client is closed while it connects', async (t) => {
  const { errors, begin, shown } = start(t);
  begin();
  errors.close();
  await delay(200_000);
  assert.equal(shown().length, 1);
});

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { openOutput, reportFailures } from './open-output.ts';

test('a closed output leaves no listener behind', async () => {
  const before = process.listenerCount('exit');
  const output = openOutput({ dest: '/dev/null' });
  await once(output, 'ready');
  assert.equal(process.listenerCount('exit'), before + 1);
  output.end();
  await once(output, 'close');
  assert.equal(process.listenerCount('exit'), before);
});

test('a full output rejects no write, keeps a limited number of bytes, and does not delay the end', async (t) => {
  const output = openOutput({ dest: '/dev/full' });
  t.after(() => output.destroy());
  await once(output, 'ready');
  const codes: (string | undefined)[] = [];
  let dropped = 0;
  output.on('error', ({ code }: NodeJS.ErrnoException) => codes.push(code));
  output.on('drop', ({ length }: string) => (dropped += length));
  const lines = Array<string>(20).fill('x'.repeat(1024 * 1024));
  for (const line of lines) output.write(line);
  assert.equal(dropped, 4 * 1024 * 1024);
  while (codes.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(codes[0], 'ENOSPC');
  assert.throws(() => output.flushSync(), /ENOSPC/);
});

test('an outage of an output is reported once, and its lost bytes at its end', () => {
  const output = new EventEmitter();
  const reports: (string | number)[] = [];
  reportFailures(output as unknown as ReturnType<typeof openOutput>, {
    onError: ({ message }) => reports.push(message),
    onLost: (bytes) => reports.push(bytes),
  });
  for (let outage = 0; outage < 2; outage += 1) {
    output.emit('write', 10);
    output.emit('error', new Error('full'));
    output.emit('error', new Error('full'));
    output.emit('drop', 'x'.repeat(10));
    output.emit('drop', Buffer.alloc(5));
    output.emit('write', 10);
  }
  assert.deepEqual(reports, ['full', 15, 'full', 15]);
});

// Runs every kind of node of a cluster without Redis, with the real clients of Redis, and counts the lines of its log. An hour has
// at most 70 lines: one a minute, and ten others. The test runs some minutes of it, because an hour takes minutes of CPU time.
// own-process: BullMQ and ioredis keep timers of their own
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type NodeCommand, startNode } from '../testing/start-node.ts';

const minutes = 3;
/** Lines of an hour besides the one of each minute. */
const maxOthers = 10;

for (const command of ['frontend', 'worker', 'admin', 'serve'] satisfies NodeCommand[])
  test(`a ${command} without Redis writes one line a minute`, async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'cistern-cli-'));
    t.after(() => rm(directory, { recursive: true }));
    const file = join(directory, 'cluster.yml');
    const addr = '127.0.0.1:0';
    const config = {
      // No server listens there.
      redis: { addr: '127.0.0.1:6379' },
      cluster: { secret: 'the secret of this cluster' },
      storage: { filesystem: { rootdirectory: join(directory, 'store') } },
      http: { addr, debug: { addr } },
      worker: { addr: '127.0.0.1:5002', spool: { directory: join(directory, 'spool') } },
      admin: { addr },
      prewarm: { top: 10 },
      log: { formatter: 'json' },
    };
    await writeFile(file, JSON.stringify(config));
    const node = await startNode(command, file, {});
    t.after(() => node.stop());
    await delay(minutes * 60_000 + 5000);
    const lines = node.log().map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const others = lines.filter(({ msg }) => msg !== 'index still unavailable');
    assert.equal(lines.length - others.length, minutes);
    const messages = others.map(({ msg }) => msg);
    assert.ok(messages.length <= maxOthers);
    assert.deepEqual(messages, [...new Set(messages)], 'no other line is repeated');
    assert.ok(messages.includes('index unavailable, falling back to memory and store'));
    assert.doesNotMatch(node.log().join(''), /"stack"/);
    await node.stop();
    const stoppedAfter = node.log().length;
    await delay(70_000);
    assert.equal(node.log().length, stoppedAfter, 'a stopped node writes no line');
  });

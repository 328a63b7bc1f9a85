import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedisClient, subscriberConnectors } from '@cistern/redis/client';
import { until } from '@cistern/runtime/testing';
import { openFakeRedis } from '../testing/open-fake-redis.ts';
import { createOutcomes, hearEndedJobs } from './await-outcomes.ts';
import { createQueueNames, type JobProbe, type ProbedJob } from './job-layout.ts';

const queueName = createQueueNames('').of('revalidate-tag', 'interactive');
const never = new AbortController().signal;

function jobOf(id: string): ProbedJob {
  return { queueName, id, deduplicationId: id };
}

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

test('a message during a probe triggers another probe immediately', async () => {
  const looks: PromiseWithResolvers<JobProbe>[] = [];
  const outcomes = createOutcomes(() => {
    const look = Promise.withResolvers<JobProbe>();
    looks.push(look);
    return look.promise;
  });
  const outcome = outcomes.outcomeOf(jobOf('a'), never);
  outcomes.look('a');
  outcomes.look('a');
  assert.equal(looks.length, 1);
  looks[0]!.resolve({ state: 'running' });
  await new Promise(setImmediate);
  assert.equal(looks.length, 2);
  looks[1]!.resolve({ state: 'ended', outcome: 'done' });
  assert.equal(await outcome, 'done');
});

test('all callers of a job share its probes, and one may leave', async () => {
  let looks = 0;
  let probed: JobProbe = { state: 'running' };
  const outcomes = createOutcomes(async () => {
    looks += 1;
    return probed;
  });
  const leaving = new AbortController();
  const left = outcomes.outcomeOf(jobOf('a'), leaving.signal);
  const stayed = [outcomes.outcomeOf(jobOf('a'), never), outcomes.outcomeOf(jobOf('a'), never)];
  leaving.abort(new RangeError('the client left'));
  await assert.rejects(left, /the client left/);
  await new Promise(setImmediate);
  looks = 0;
  probed = { state: 'lost' };
  outcomes.look('a');
  assert.deepEqual(await Promise.all(stayed), [undefined, undefined]);
  assert.equal(looks, 1);
});

test('a job whose message was missed is probed again, and a failed probe does not end the wait', async () => {
  const before = countTimers();
  const answers: (() => JobProbe)[] = [
    () => {
      throw new Error('Redis is unavailable');
    },
    () => ({ state: 'ended', outcome: 'done' }),
  ];
  const outcomes = createOutcomes(async () => answers.shift()!());
  assert.equal(await outcomes.outcomeOf(jobOf('a'), never), 'done');
  assert.equal(answers.length, 0);
  assert.equal(countTimers(), before);
});

const subscribed = '>3\r\n$9\r\nsubscribe\r\n$5\r\nended\r\n:1\r\n';
const message = '>3\r\n$7\r\nmessage\r\n$5\r\nended\r\n$5\r\njob-1\r\n';

test('a connection that ends while it subscribes is opened again', async (t) => {
  const heard = Promise.withResolvers<string>();
  const port = await openFakeRedis(t, ({ command, socket, connection }) => {
    if (command !== 'subscribe') return undefined;
    if (connection > 2) return subscribed + message;
    // The first connection is lost after its subscription, and the second one before it.
    socket.end(connection === 1 ? subscribed : '');
    return '';
  });
  const connection = { kind: 'standalone', host: '127.0.0.1', port } as const;
  const client = createRedisClient(connection, { commandTimeoutMs: 1000 });
  t.after(() => client.disconnect());
  let hearings = 0;
  const ear = hearEndedJobs({
    connectors: subscriberConnectors(connection, { client, commandTimeoutMs: 1000 }),
    channel: 'ended',
    onJob: heard.resolve,
    onHearing: () => (hearings += 1),
    onError: () => {},
  });
  t.after(() => ear.close());
  assert.equal(await heard.promise, 'job-1');
  await until(() => hearings === 2);
});

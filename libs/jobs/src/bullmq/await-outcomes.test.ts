import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRedisClient, subscriberConnectors } from '@cistern/redis/client';
import { until } from '@cistern/runtime/testing';
import { openFakeRedis } from '../testing/open-fake-redis.ts';
import { createOutcomes, subscribeToEndedJobs } from './await-outcomes.ts';
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
  const probes: PromiseWithResolvers<JobProbe>[] = [];
  const outcomes = createOutcomes(() => {
    const probe = Promise.withResolvers<JobProbe>();
    probes.push(probe);
    return probe.promise;
  });
  const outcome = outcomes.outcomeOf(jobOf('a'), never);
  outcomes.probeNow('a');
  outcomes.probeNow('a');
  assert.equal(probes.length, 1);
  probes[0]!.resolve({ state: 'running' });
  await new Promise(setImmediate);
  assert.equal(probes.length, 2);
  probes[1]!.resolve({ state: 'ended', outcome: 'done' });
  assert.equal(await outcome, 'done');
});

test('all callers of a job share its probes, and one caller can leave without effect on the others', async () => {
  let probes = 0;
  let probed: JobProbe = { state: 'running' };
  const outcomes = createOutcomes(async () => {
    probes += 1;
    return probed;
  });
  const leaving = new AbortController();
  const left = outcomes.outcomeOf(jobOf('a'), leaving.signal);
  const stayed = [outcomes.outcomeOf(jobOf('a'), never), outcomes.outcomeOf(jobOf('a'), never)];
  leaving.abort(new RangeError('the client left'));
  await assert.rejects(left, /the client left/);
  await new Promise(setImmediate);
  probes = 0;
  probed = { state: 'lost' };
  outcomes.probeNow('a');
  assert.deepEqual(await Promise.all(stayed), [undefined, undefined]);
  assert.equal(probes, 1);
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
  const received = Promise.withResolvers<string>();
  const port = await openFakeRedis(t, ({ command, socket, connection }) => {
    if (command !== 'subscribe') return undefined;
    if (connection > 2) return subscribed + message;
    // The first connection is lost after its subscription, and the second connection before its subscription.
    socket.end(connection === 1 ? subscribed : '');
    return '';
  });
  const connection = { kind: 'standalone', host: '127.0.0.1', port } as const;
  const client = createRedisClient(connection, { commandTimeoutMs: 1000 });
  t.after(() => client.disconnect());
  let subscriptions = 0;
  const subscription = subscribeToEndedJobs({
    connectors: subscriberConnectors(connection, { client, commandTimeoutMs: 1000 }),
    channel: 'ended',
    onJob: received.resolve,
    onSubscribed: () => (subscriptions += 1),
    onError: () => {},
  });
  t.after(() => subscription.close());
  assert.equal(await received.promise, 'job-1');
  await until(() => subscriptions === 2);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOutcomes } from './await-outcomes.ts';
import { createQueueNames } from './job-queue-name.ts';
import type { JobProbe, ProbedJob } from './probe-job.ts';

const lane = createQueueNames('').of('revalidate-tag', 'interactive');
const never = new AbortController().signal;

function jobOf(id: string): ProbedJob {
  return { lane, id, deduplicationId: id };
}

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

test('a message during a look has the job looked at again, at once', async () => {
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
  looks[0]!.resolve({ state: 'pending' });
  await new Promise(setImmediate);
  assert.equal(looks.length, 2);
  looks[1]!.resolve({ state: 'ended', outcome: 'done' });
  assert.equal(await outcome, 'done');
});

test('all who wait for a job share its looks, and one may leave', async () => {
  let looks = 0;
  let probed: JobProbe = { state: 'pending' };
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

test('a job whose message was missed is looked at again, and a failed look is no end', async () => {
  const before = countTimers();
  const answers: (() => JobProbe)[] = [
    () => {
      throw new Error('Redis is away');
    },
    () => ({ state: 'ended', outcome: 'done' }),
  ];
  const outcomes = createOutcomes(async () => answers.shift()!());
  assert.equal(await outcomes.outcomeOf(jobOf('a'), never), 'done');
  assert.equal(answers.length, 0);
  assert.equal(countTimers(), before);
});

import '../virtual-time.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import type { JobHandlers } from '@cistern/jobs';
import { completeHandlers, describeJobs, describeSharedJobs, tagJob } from '@cistern/jobs/conformance';
import { createOwner, runAs } from '../world/owner.ts';
import { killProcess } from '../world/processes.ts';
import { createRandom } from '../world/random.ts';
import { createSimulatedQueue } from './simulated-queue.ts';

const slots = { interactive: 3, background: 2 };

const hold = () => new Promise<never>(() => {});

function open(seed: number) {
  const random = createRandom(seed);
  return createSimulatedQueue({ random, latencyMs: () => random.fraction() * 5, slots });
}

for (const seed of [1, 2, 3]) {
  describeJobs(`simulated, seed ${seed}`, async () => {
    const queue = open(seed);
    const work = async (handlers: JobHandlers) => queue.join(createOwner('worker'), handlers);
    return { queue: queue.connect(undefined), slots, work };
  });

  describeSharedJobs(`simulated, seed ${seed}`, async () => {
    const queue = open(seed);
    return {
      queue: queue.connect(undefined),
      work: async (handlers, place) => queue.join(createOwner('worker'), handlers, place),
      async startDoomed() {
        const owner = createOwner('doomed');
        let begun = 0;
        const count = () => {
          begun += 1;
          return hold();
        };
        runAs(owner, () => queue.join(owner, completeHandlers({ 'revalidate-tag': count })));
        return { begun: () => begun, kill: async () => killProcess(owner) };
      },
      forget: async () => queue.loseData(),
    };
  });
}

test('a job whose workers are killed repeatedly ends as overloaded', async () => {
  const queue = open(1);
  let begun = 0;
  const joinDoomed = () => {
    const owner = createOwner('doomed');
    const kill = () => {
      begun += 1;
      killProcess(owner);
      joinDoomed();
      return hold();
    };
    queue.join(owner, completeHandlers({ 'revalidate-tag': kill }));
  };
  joinDoomed();
  const options = { dedupKey: 'a', class: 'interactive', timeoutMs: 60_000 } as const;
  await assert.rejects(
    queue.connect(undefined).run('revalidate-tag', tagJob('v1'), options),
    (error) => isCacheError(error, 'overloaded') && /workers .* were lost/.test(error.message),
  );
  assert.equal(begun, 3);
});

test('a killed client does not add its lost job again', async () => {
  const queue = open(1);
  const [client, doomed] = [createOwner('client'), createOwner('doomed')];
  queue.join(doomed, completeHandlers({ 'revalidate-tag': hold }));
  const options = { dedupKey: 'a', class: 'interactive', timeoutMs: 60_000 } as const;
  queue
    .connect(client)
    .run('revalidate-tag', tagJob('v1'), options)
    .catch(() => {});
  await delay(1_000);
  killProcess(doomed);
  killProcess(client);
  assert.equal(queue.size, 1);
  await delay(10_000);
  assert.equal(queue.size, 0);
});

// Counts the commands that 100 frontends and 50 workers send to Redis, and compares them with the formula of
// docs/performance.md. A message is one announcement for one subscriber.
// real-time: commands that nodes send on their own are counted while time passes
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startFakeUpstream } from '@cistern/fake-upstream';
import { openRedisIndex, type RedisIndex } from '@cistern/index/redis';
import { commandTimeoutMs, startRedis, type Redis } from '@cistern/test-servers';
import { type Counted, countCommands, describeCommands } from '../idle/count-commands.ts';
import { idleCommands, perFetch, perFirstPull, perFlush, perPull, perReport } from './expected-commands.ts';
import { until } from '../until.ts';
import { recordRequests, replayRequests } from './replay-commands.ts';
import { startNodes } from '../idle/start-nodes.ts';

const size = { frontends: 100, workers: 50 };
/** The topic of announcements of changed records, which frontends read. */
const changesTopic = 'index-changes';
/** Each frontend fetches one of the images, and then pulls the first few. */
const few = 20;
const kinds = ['tag', 'blob'] as const;
/** Loops of workers add some commands. Pulls of blobs have few of their own. */
const tolerances = { tag: 0.05, blob: 0.12 } as const;
/** Covers the work that nodes do at startup. */
const settleMs = 6_000;
/** Covers the reports and flushes after pulls. */
const quietMs = 3_000;
const idleSeconds = 20;
/** Longer than frontends remember records. */
const laterMs = 6_000;
const announcements = 1_000;
const replayed = { connections: 150, count: 200_000 };

test('the commands of 100 frontends and 50 workers are those of the formula', async (whole) => {
  const redis = await startRedis();
  whole.after(() => redis.close());
  const hub = await startFakeUpstream();
  whole.after(() => hub.close());
  const all = Array.from({ length: size.frontends }, (_, seed) => {
    const repository = `library/app-${seed}`;
    const { layers } = hub.addImage(repository, { tag: '1.2.3', seed, layers: [{ size: 2_000, seed }] });
    return { tag: `/v2/${repository}/manifests/1.2.3`, blob: `/v2/${repository}/blobs/${layers[0]!.digest}` };
  });
  const urls = await startNodes(whole, { ...size, redis: [`${redis.host}:${redis.port}`], upstream: hub.url });
  const { index, seen } = await observeChanges(whole, redis);
  await delay(settleMs);
  const count = async (t: TestContext, work: () => Promise<void>) => {
    const counted = await countCommands([redis], work);
    t.diagnostic(describeCommands(counted));
    return counted;
  };
  const pullEverywhere = async (kind: (typeof kinds)[number]) => {
    for (const image of all.slice(0, few)) await Promise.all(urls.map((url) => pull(url + image[kind])));
    await delay(quietMs);
  };

  let idleCpuShare = 0;
  await whole.test('idle', async (t) => {
    const counted = await count(t, () => delay(idleSeconds * 1000));
    idleCpuShare = counted.cpuSeconds / counted.seconds;
    assertNear(t, 'commands a second', counted.commands / counted.seconds, idleCommands(size), 0.05);
  });

  for (const kind of kinds)
    await whole.test(`a ${kind} that no node has`, async (t) => {
      const announced = seen.announcements;
      const counted = await count(t, async () => {
        for (const [at, image] of all.entries()) await pull(urls[at]! + image[kind]);
        await delay(quietMs);
      });
      const idleCpuSeconds = idleCpuShare * counted.seconds;
      t.diagnostic(`${(((counted.cpuSeconds - idleCpuSeconds) * 1000) / all.length).toFixed(2)} ms of CPU for each`);
      assertNear(t, 'commands', beyondIdle(counted) / all.length, perFetch[kind].commands, 0.12);
      assertNear(t, 'announcements', (seen.announcements - announced) / all.length, perFetch[kind].announcements, 0.05);
    });

  let requests: Buffer[] = [];
  for (const [when, pulls] of [
    ['first', perFirstPull],
    ['later', perPull],
  ] as const)
    for (const kind of kinds)
      await whole.test(`the ${when} pull of a ${kind} by each frontend`, async (t) => {
        if (when === 'later') await delay(laterMs);
        const counted = await count(t, async () => {
          requests = await recordRequests(redis, () => pullEverywhere(kind));
        });
        const { reads, writes } = pulls[kind];
        assertNear(t, 'commands', ofPulls(counted, kind) / few / size.frontends, reads + writes, tolerances[kind]);
      });

  await whole.test('as many pulls as Redis can run', async (t) => {
    const { commands } = await count(t, () => replayRequests(redis, requests, replayed));
    assert.ok(commands > replayed.count);
  });

  await whole.test('announcements reach frontends alone', async (t) => {
    const counted = await count(t, async () => {
      const before = seen.announcements;
      for (let at = 0; at < announcements; at += 1) await index.pubsub.publish(changesTopic, `tag ${at}`);
      await until('all have arrived', () => seen.announcements === before + announcements);
    });
    const messages = announcements * (await countSubscribers(redis));
    t.diagnostic(`${((counted.cpuSeconds * 1e6) / messages).toFixed(2)} µs of CPU a message`);
    assert.equal(messages, announcements * (size.frontends + 1));
  });
});

/** Opens one more subscriber, which counts the announcements. */
async function observeChanges(t: TestContext, { url }: Redis) {
  const index: RedisIndex = await openRedisIndex({
    connection: { kind: 'url', url },
    keyPrefix: 'cistern:',
    commandTimeoutMs: commandTimeoutMs.patient,
    log: { warn() {}, error() {} },
  });
  t.after(() => index.close());
  const seen = { announcements: 0 };
  await index.pubsub.subscribe(changesTopic, () => void (seen.announcements += 1));
  return { index, seen };
}

async function countSubscribers({ command }: Redis): Promise<number> {
  const channel = await command('PUBSUB', 'SHARDCHANNELS', `*${changesTopic}`);
  return Number((await command('PUBSUB', 'SHARDNUMSUB', channel)).split('\n')[1]);
}

async function pull(url: string): Promise<void> {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  assert.equal(answer.status, 200, url);
}

function beyondIdle({ commands, seconds }: Counted): number {
  return commands - idleCommands(size) * seconds;
}

/** Subtracts the reports and flushes of frontends, whose number depends on how long the pulls took. */
function ofPulls({ byName, commands, seconds }: Counted, kind: (typeof kinds)[number]): number {
  const calls = (name: string) => byName.get(name) ?? 0;
  const pulls = few * size.frontends;
  // Only reports use HSETNX. Their counts use HINCRBY, and those that have counts set the expiry of two buckets.
  const ofCounts = calls('hincrby') - (kind === 'tag' ? pulls : 0) + calls('pexpire');
  const withCounts = calls('pexpire') / 2;
  assert.ok(withCounts <= (size.frontends + size.workers) * (seconds + 1));
  const reports = perReport * calls('hsetnx') + ofCounts;
  // A flush of tags reads the length of the ranking.
  const flushes = kind === 'tag' ? calls('zcard') : withCounts;
  return commands - idleCommands(size, { reports: false }) * seconds - reports - flushes * perFlush[kind];
}

function assertNear(t: TestContext, what: string, actual: number, expected: number, tolerance: number): void {
  const text = `${what}: ${actual.toFixed(2)}, by the formula ${expected.toFixed(2)}`;
  t.diagnostic(text);
  assert.ok(Math.abs(actual / expected - 1) <= tolerance, text);
}

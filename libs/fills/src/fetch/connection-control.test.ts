// own-process: hours of virtual time pass, and other files of this package compare it with the times of real files
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type TestContext, test } from 'node:test';
import { seeded } from '@cistern/oci/testing';
import { createConnectionControl } from './connection-control.ts';
import { type FillCourse, type HostLimits, simulateHost } from '../testing/simulated-host.ts';

const gibibyte = 1024 ** 3;
const perConnection = 10e6;
const seeds = [1, 2, 3, 4, 5];
/** Some tests run for an hour of virtual time. */
const long = { timeout: 24 * 3_600_000 };
const noisy = { jitter: 0.2, lossChance: 0.02 };

/** Returns a function for random numbers from 0 to less than 1. */
function randomOf(seed: number): () => number {
  const below = seeded(seed);
  return () => below(2 ** 32) / 2 ** 32;
}

const open = (limits: HostLimits, seed = 1) => simulateHost(createConnectionControl(), limits, randomOf(seed));
const most = ({ changes }: FillCourse): number => Math.max(...changes.map(({ allowed }) => allowed));
const reached = ({ changes }: FillCourse, wanted: number): number | undefined =>
  changes.find(({ allowed }) => allowed === wanted)?.atMs;

/** Returns how much faster the fill is than with one connection, for each seed. */
async function ratios(limits: HostLimits, size: number): Promise<{ ratio: number; course: FillCourse }[]> {
  const found = [];
  for (const seed of seeds) {
    const [course] = await open(limits, seed).run([{ size }]);
    const [single] = await open(limits, seed).run([{ size, max: 1 }]);
    found.push({ ratio: single!.tookMs / course!.tookMs, course: course! });
  }
  return found;
}

function report(t: TestContext, name: string, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  t.diagnostic(`${name}: ${sorted[0]?.toFixed(2)} … ${sorted.at(-1)?.toFixed(2)}`);
}

for (const roundTripMs of [20, 100, 200])
  test(
    `a host ${roundTripMs} ms away that limits each connection delivers a GiB three times as fast`,
    long,
    async (t) => {
      const found = await ratios({ perConnection, roundTripMs, ...noisy }, gibibyte);
      report(
        t,
        'times as fast',
        found.map(({ ratio }) => ratio),
      );
      report(
        t,
        'ms to the fourth connection',
        found.map(({ course }) => reached(course, 4) ?? Number.NaN),
      );
      for (const { ratio } of found) assert.ok(ratio >= 3, `${ratio}`);
    },
  );

for (const roundTripMs of [20, 100, 200])
  test(`a host ${roundTripMs} ms away that limits the sum is not slower`, long, async (t) => {
    const found = await ratios({ sum: 40e6, roundTripMs, ...noisy }, gibibyte);
    report(
      t,
      'times as fast',
      found.map(({ ratio }) => ratio),
    );
    report(
      t,
      'requests',
      found.map(({ course }) => course.gets),
    );
    for (const { ratio } of found) assert.ok(ratio >= 0.97, `${ratio}`);
  });

for (const [limited, limits, enough] of [
  ['each connection', { perConnection }, 6],
  ['the sum', { sum: 40e6 }, 3],
  ['both', { perConnection, sum: 45e6 }, 5],
] as const)
  test(`three fills do not oscillate where ${limited} is limited`, long, async (t) => {
    const perMinute: number[] = [];
    const connections: number[] = [];
    for (const seed of seeds) {
      const fills = [0, 700, 3000].map((beginsAtMs) => ({ size: 1e12, beginsAtMs }));
      const courses = await open({ ...limits, ...noisy }, seed).run(fills, 180_000);
      const changes = courses.flatMap((course) => course.changes.filter(({ atMs }) => atMs > 10_000));
      perMinute.push(changes.length / (170 / 60));
      connections.push(courses.reduce((sum, course) => sum + course.changes.at(-1)!.allowed, 0));
    }
    report(t, 'changes a minute', perMinute);
    report(t, 'connections at the end', connections);
    for (const changes of perMinute) assert.ok(changes <= 6, `${changes}`);
    for (const count of connections) assert.ok(count <= enough, `${count}`);
  });

test('a long fill keeps its connections', long, async (t) => {
  const [course] = await open({ perConnection, ...noisy }).run([{ size: 20e9 }]);
  const rate = 20e9 / course!.tookMs / 1000;
  t.diagnostic(`${rate.toFixed(1)} MB/s of 40`);
  assert.ok(rate > 0.95 * 40);
});

test('after wrong bytes from several connections, each fill has one connection for ten minutes', long, async () => {
  const control = createConnectionControl();
  const host = simulateHost(control, { perConnection }, randomOf(1));
  await host.run([{ size: gibibyte }]);
  const other = control.enter('cdn', { max: 4, mayProbe: () => true });
  assert.equal(other.allowed, 4);
  other.mismatched();
  assert.equal(other.allowed, 1);
  other.leave();
  const [next] = await host.run([{ size: gibibyte }]);
  assert.equal(most(next!), 1);
  await delay(600_000);
  const [later] = await host.run([{ size: gibibyte }]);
  assert.equal(most(later!), 4);
});

test(
  'a number of connections that paid holds for a fill that begins within a minute, and not later',
  long,
  async () => {
    const host = open({ perConnection });
    await host.run([{ size: gibibyte }]);
    await delay(10_000);
    const [next] = await host.run([{ size: 1e8 }]);
    assert.deepEqual(next?.changes[0], { atMs: 0, allowed: 4 });
    await delay(61_000);
    const [later] = await host.run([{ size: 1e8 }]);
    assert.deepEqual(later?.changes[0], { atMs: 0, allowed: 1 });
  },
);

test(
  'a failed probe with many connections of three fills does not limit one fill to fewer than four',
  long,
  async () => {
    const host = open({ perConnection });
    await host.run(Array.from({ length: 3 }, () => ({ size: gibibyte })));
    await delay(61_000);
    const [course] = await host.run([{ size: gibibyte }]);
    assert.equal(most(course!), 4);
  },
);

test('a failed probe is not repeated for ten minutes', long, async () => {
  const host = open({ sum: 40e6 });
  const fill = { size: 400e6 };
  assert.deepEqual(
    (await host.run([fill]))[0]?.changes.map(({ allowed }) => allowed),
    [1, 2, 1],
  );
  host.limits.perConnection = perConnection;
  assert.equal(most((await host.run([fill]))[0]!), 1);
  await delay(600_000);
  assert.equal(most((await host.run([fill]))[0]!), 4);
});

test('a fill gives up connections that no longer make it faster', long, async () => {
  const host = open({ perConnection });
  const [{ changes }] = (await host.run([{ size: gibibyte }])) as [FillCourse];
  assert.equal(changes.at(-1)?.allowed, 4);
  Object.assign(host.limits, { perConnection: undefined, sum: 10e6 });
  const [course] = await host.run([{ size: 3 * gibibyte }]);
  assert.ok(course!.changes.some(({ allowed }) => allowed === 1));
});

test(
  'a fill that is blocked by its readers starts no probe, and does not prevent the probe of another fill',
  long,
  async () => {
    const host = open({ perConnection });
    const slow = { size: 1e12, readers: 1e6 };
    const [held, other] = await host.run([slow, { size: gibibyte }], 60_000);
    assert.equal(most(held!) > 2, false);
    assert.ok(most(other!) >= 3);
    assert.equal(most((await open({ perConnection }).run([slow], 60_000))[0]!), 1);
  },
);

test('background fills have one connection, and get more as soon as a client waits', long, async () => {
  let isWanted = false;
  const host = open({ perConnection });
  const fill = { size: 1e12, mayProbe: () => isWanted };
  assert.equal(most((await host.run([fill], 30_000))[0]!), 1);
  isWanted = true;
  assert.equal(most((await host.run([fill], 30_000))[0]!), 4);
});

test('a fill has no more connections than configured', long, async () => {
  assert.equal(most((await open({ perConnection }).run([{ size: gibibyte, max: 2 }]))[0]!), 2);
  assert.equal(most((await open({ perConnection }).run([{ size: gibibyte, max: 1 }]))[0]!), 1);
});

test('a connection that the host refuses is not tried again for ten minutes', long, async (t) => {
  const [course] = await open({ perConnection, maxConnections: 3 }).run([{ size: 3 * gibibyte }]);
  t.diagnostic(JSON.stringify(course?.changes));
  assert.deepEqual(
    course?.changes.slice(0, 3).map(({ allowed }) => allowed),
    [1, 2, 3],
  );
  assert.ok(course.changes.slice(3).every(({ allowed }) => allowed <= 3));
});

test('refusals of all extra connections leave one, and a lack of slots ends soon', long, async () => {
  const control = createConnectionControl();
  const [first] = await simulateHost(control, { perConnection }, randomOf(1)).run([{ size: gibibyte }]);
  assert.equal(most(first!), 4);
  const fill = control.enter('cdn', { max: 4, mayProbe: () => true });
  for (const allowed of [3, 2, 1, 1]) {
    fill.refused('host');
    assert.equal(fill.allowed, allowed);
  }
  fill.leave();

  const narrow = createConnectionControl();
  const host = simulateHost(narrow, { perConnection }, randomOf(1));
  const early = narrow.enter('cdn', { max: 4, mayProbe: () => true });
  early.refused('cap');
  early.leave();
  const [{ changes }] = (await host.run([{ size: gibibyte }])) as [FillCourse];
  assert.ok((changes.find(({ allowed }) => allowed === 2)?.atMs ?? 0) > 9_000);
});

test('short fills alongside a long one do not prevent it from getting more connections', long, async (t) => {
  const short = Array.from({ length: 100 }, (_, at) => ({ size: 3e6, beginsAtMs: at * 400 }));
  const [course] = await open({ perConnection }).run([{ size: gibibyte }, ...short]);
  t.diagnostic(JSON.stringify(course?.changes));
  assert.ok(most(course!) >= 3);
  assert.ok(course!.changes.length < 20);
});

test('the last layer of an image gets all connections when the others end one after another', long, async (t) => {
  const sizes = [400e6, 30e6, 50e6, 20e6, 80e6];
  const begins = [0, 0, 0, 3000, 5000];
  const [course] = await open({ perConnection }).run(sizes.map((size, at) => ({ size, beginsAtMs: begins[at]! })));
  t.diagnostic(
    `${(course!.tookMs / 1000).toFixed(1)} s, against 40 s with one connection: ${JSON.stringify(course?.changes)}`,
  );
  assert.ok(course!.tookMs < 25_000);
});

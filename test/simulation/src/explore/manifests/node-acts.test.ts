import '../../virtual-time.ts';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { beforeEach, test } from 'node:test';
import { createWeather } from '../../cluster/cluster-weather.ts';
import { pause } from '../../cluster/pause.ts';
import { network } from '../../world/network/network-state.ts';
import { createOwner, runAs } from '../../world/owner.ts';
import { createRandom } from '../../world/random.ts';
import type { FaultyCluster } from '../apply-faults.ts';
import type { PlannedFault } from '../fault-plan.ts';
import { createNodeActs } from './node-acts.ts';

const upstream = createOwner('upstream');
const [one, two] = [createOwner('worker-1'), createOwner('worker-2')];
const weather = createWeather(createRandom(1));
const cluster = { workers: [one, two], frontends: [] } as unknown as FaultyCluster;
const acts = createNodeActs({ cluster, weather, upstream: upstream.name, trace() {} });

beforeEach(() => {
  network.isHeld = (from, to) => weather.cut.has(`${from} ${to}`);
  network.refusal = (from, to) => weather.refused.get(`${from} ${to}`);
});

/** The first worker has the fault for a second. */
const faultOf = (kind: PlannedFault['kind'], other: number, degree: number): PlannedFault => ({
  kind,
  target: 0,
  other,
  at: { ms: 0 },
  lastsMs: 1_000,
  degree,
});

test('a worker without network connects to no upstream, and other workers do', async (t) => {
  const server = await runAs(upstream, async () => {
    const listening = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    return listening;
  });
  t.after(() => server.close());
  const dial = (owner: typeof one) =>
    runAs(owner, async () => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      await once(socket, 'connect').finally(() => socket.destroy());
    });

  const refused = acts['worker without network']!(faultOf('worker without network', 1, 0));
  await assert.rejects(dial(one), { code: 'ENETUNREACH' });
  await dial(two);
  await refused;
  await dial(one);

  const hanging = acts['worker without network']!(faultOf('worker without network', 0, 0));
  const outcome = await Promise.race([dial(one), pause(500).then(() => 'nothing yet')]);
  assert.equal(outcome, 'nothing yet');
  await hanging;
});

test('a skewed clock shows another time of day and passes as many milliseconds', async () => {
  const read = (owner: typeof one) => runAs(owner, () => ({ date: Date.now(), monotonic: performance.now() }));
  const skewed = acts['skewed clock']!(faultOf('skewed clock', 2, 0.01));
  const [ahead, right] = [read(one), read(two)];
  assert.equal(Math.round((ahead.date - right.date) / 1_000), 120);
  assert.ok(right.monotonic - ahead.monotonic < 1);
  await skewed;
  assert.ok(read(one).date - read(two).date < 1);
  // This skew stays until the end.
  await acts['skewed clock']!(faultOf('skewed clock', 1, 0));
  assert.equal(Math.round((read(one).date - read(two).date) / 3_600_000), -1);
});

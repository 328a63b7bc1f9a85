// Kills with `kill -9` the worker whose fill a herd follows, at exactly half. Clients notice only a pause.
import assert from 'node:assert/strict';
import { until } from '@cistern/single-node/until';
import { type ClientPlan, type HerdPlan, startHerd } from '@cistern/herds';
import { assertAllRight } from './assert-all-right.ts';
import { longestPause } from './longest-pause.ts';
import type { ClusterRig } from './open-cluster-rig.ts';
import { type HalfwayOptions, startHalfway } from './start-halfway.ts';

export interface KillOptions extends HalfwayOptions {
  /** The ranges of a second herd, whose clients start when the first herd has its half. */
  readonly ranges?: readonly NonNullable<ClientPlan['range']>[];
}

export interface KilledFigures {
  readonly longestPauseMs: number;
  /** All bytes that the upstream has sent, as a multiple of the blob's size. */
  readonly sentByUpstream: number;
}

/** When this resolves, the worker runs again. */
export async function killFillingWorker(
  owner: { after(end: () => void): void },
  rig: ClusterRig,
  { ranges = [], ...options }: KillOptions,
): Promise<KilledFigures> {
  const { digest, plan, herd, filling, sentByUpstream } = await startHalfway(owner, rig, options);
  const special = Object.fromEntries(ranges.map((range, client) => [client, { range }]));
  const rangePlan: HerdPlan = { ...plan, clients: ranges.length, special };
  const rangeHerd = startHerd(rangePlan);
  owner.after(() => rangeHerd.close());
  await rangeHerd.until((events) => new Set(events.map(({ client }) => client)).size === ranges.length);

  await filling.kill();
  assertAllRight(await rangeHerd.ended(), rangePlan);
  await herd.until(() => herd.ends().length >= plan.clients - Object.keys(plan.special ?? {}).length);
  herd.hurry();
  const ends = await herd.ended();
  assertAllRight(ends, plan);
  const sent = sentByUpstream();
  await filling.start();
  for (const frontend of rig.cluster.frontends) {
    const head = () => fetch(rig.urlOf(`library/app/blobs/${digest}`, frontend), { method: 'HEAD' });
    await until(
      `${frontend.name} reports the blob as stored`,
      async () => (await head()).headers.get('x-cache') === 'HIT',
    );
  }
  assert.equal(sentByUpstream(), sent, 'all fetched bytes have been stored');
  return { longestPauseMs: longestPause(ends, plan), sentByUpstream: sent };
}

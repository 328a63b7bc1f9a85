// Operations on shared state other than records: leases, values, popularity, node reports, the audit log, the epoch,
// announcements.
import type { CacheIndex } from '@cistern/index';
import fc from 'fast-check';
import { walk } from './blob-operations.ts';
import { operation, type Operations, type Subject } from './operation.ts';
import { leaseMs, limit, owner, repositoryKey } from './samples.ts';
import { tags } from './tag-operations.ts';

export const leases = ['rebuild', 'a:b'] as const;
export const values = ['token', '__proto__'] as const;
const lease = fc.constantFrom(...leases);
const value = fc.constantFrom(...values);
const node = fc.constantFrom('one', 'two');
const counts = fc.dictionary(fc.constantFrom('hits', 'bytes'), fc.constantFrom(1, 0, 5_000_000_000_000));
const auditKind = fc.constantFrom('action' as const, 'refusal' as const);
const pulls = fc.constantFrom(undefined, 1, 4);
const topic = fc.constantFrom('fill:a', 'fill:b');

export const processOperations: Operations = {
  'leases.acquire': operation([lease, owner, leaseMs], async ({ index, pass }, name, by, ms) => {
    const isAcquired = await index.leases.acquire(name, by, ms);
    if (ms <= 1) await pass();
    return isAcquired;
  }),
  'leases.release': operation([lease, owner], ({ index }, name, by) => index.leases.release(name, by)),
  'values.get': operation([value], ({ index }, name) => index.values.get(name), 1),
  'values.put': operation([value, fc.constantFrom('{"\u00fc":\n""}', ''), leaseMs], async (subject, name, text, ms) => {
    await subject.index.values.put(name, text, ms);
    if (ms <= 1) await subject.pass();
  }),
  'values.remove': operation([value], ({ index }, name) => index.values.remove(name), 1),

  'popularity.countTag': operation(
    [repositoryKey, fc.constantFrom(...tags), pulls],
    async ({ index }, key, tag, count) => index.popularity.countTag({ ...key, tag }, count),
  ),
  'popularity.countPlatform': operation(
    [repositoryKey, fc.constantFrom('linux/amd64', 'linux/arm/v7'), pulls],
    async ({ index }, key, platform, count) => index.popularity.countPlatform(key, platform, count),
  ),
  'popularity.tags and platforms': operation(
    [fc.constantFrom(1000, 0)],
    async ({ index }, most) => {
      await walk(index);
      return popularity(index, most);
    },
    1,
  ),

  'nodes.report': operation(
    [node, fc.constantFrom('{"a": "b"}', ''), leaseMs, counts],
    async (subject, id, report, ttlMs, more) => {
      await subject.index.nodes.report(id, report, { ttlMs, counts: more });
      if (ttlMs <= 1) await subject.pass();
    },
  ),
  'nodes.leave': operation([node, counts], ({ index }, id, more) => index.nodes.leave(id, more), 1),
  'nodes.read': operation([], ({ index }) => readNodes(index), 1),

  'audit.add': operation(
    [auditKind, fc.array(fc.constantFrom('a', '\u00fc\n'), { maxLength: 3 })],
    ({ index }, ...given) => index.audit.add(...given),
  ),
  'audit.list': operation(
    [fc.record({ limit, before: fc.constantFrom(undefined, 3, 1, 0), kind: fc.option(auditKind, { nil: undefined }) })],
    ({ index }, page) => index.audit.list(page),
  ),

  'epoch.isComplete': operation([], ({ index }) => index.epoch.isComplete(), 1),
  'epoch.current': operation(
    [],
    async ({ index, epochs }) => {
      epochs.push(await index.epoch.current());
      return epochs.indexOf(epochs.at(-1)!);
    },
    1,
  ),
  'epoch.markComplete': operation(
    [],
    async ({ index, epochs: [first] }) => (first === undefined ? 'no epoch is known' : index.epoch.markComplete(first)),
    1,
  ),

  'pubsub.subscribe': operation([topic], subscribe),
  'pubsub.publish': operation([topic, fc.constantFrom('a\nb', '', undefined)], async ({ index }, to, message) => {
    await index.pubsub.publish(to, message);
    await allHeard(index, to);
  }),
  'pubsub.end': operation([fc.nat(2)], async ({ subscriptions }, place) => {
    subscriptions[place]?.end();
    return subscriptions[place]?.heard;
  }),
};

/**
 * Reads popularity after a walk, which writes pending pulls. A pull loses little weight in a minute. The order of equal
 * entries is undefined.
 */
export async function popularity(index: CacheIndex, most = 1000): Promise<unknown> {
  const found = [await index.popularity.tags(most), await index.popularity.platforms(most)];
  return found.map((ranking) => ({
    isRanked: ranking.every(({ pulls: count }, place) => count <= (ranking[place - 1]?.pulls ?? Infinity)),
    names: ranking.map((entry) => JSON.stringify({ ...entry, pulls: Math.round(entry.pulls) })).toSorted(),
  }));
}

export async function readNodes({ nodes }: CacheIndex): Promise<unknown> {
  const { nodes: there, ended, counts: counted, countedSinceMs } = await nodes.read();
  const words = there.map(({ id, report }) => ({ id, report })).toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const left = ended.map(({ id, report, state }) => `${id} ${report} ${state}`).toSorted();
  const history = await nodes.history('30d');
  const totals = history.flatMap((bucket) => Object.entries(bucket.counts)).filter(([, count]) => count > 0);
  return { words, left, counted, totals: sumByName(totals), isCounting: countedSinceMs !== undefined };
}

function sumByName(counted: readonly (readonly [string, number])[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of counted) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

async function subscribe({ index, subscriptions }: Subject, to: string): Promise<void> {
  const heard: (string | undefined)[] = [];
  const end = await index.pubsub.subscribe(to, (message) => heard.push(message));
  subscriptions.push({ heard, end });
}

/** Resolves when the listeners have received all earlier messages. */
async function allHeard({ pubsub }: CacheIndex, to: string): Promise<void> {
  const heard = Promise.withResolvers<void>();
  const end = await pubsub.subscribe(to, (message) => message === lastWord && heard.resolve());
  await pubsub.publish(to, lastWord);
  await heard.promise;
  end();
}

const lastWord = 'all heard';

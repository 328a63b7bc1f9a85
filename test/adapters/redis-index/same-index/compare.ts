// Applies one sequence of calls to two indexes, and compares every answer and the final state.
import assert from 'node:assert/strict';
import { isCacheError } from '@cistern/errors';
import fc from 'fast-check';
import { blobOperations, listShards, walk } from './blob-operations.ts';
import { fillOperations, seen } from './fill-operations.ts';
import { linkOperations } from './link-operations.ts';
import type { Operations, Subject } from './operation.ts';
import { leases, popularity, processOperations, readNodes, values } from './process-operations.ts';
import { digests, repositories, repositoryKeys, upstreams } from './samples.ts';
import { tagOperations, tags } from './tag-operations.ts';

const operations: Operations = {
  ...tagOperations,
  ...linkOperations,
  ...blobOperations,
  ...fillOperations,
  ...processOperations,
};

/** A call as it is printed: name and arguments. */
export type Call = readonly [name: string, ...given: readonly unknown[]];

const callOf = (group: readonly string[]): fc.Arbitrary<Call> =>
  fc.oneof(
    ...group.map((name) => {
      const { given, weight } = operations[name]!;
      return { weight, arbitrary: given.map((all): Call => [name, ...all]) };
    }),
  );

/** Groups of operations. Calls of a related group affect each other more often than calls of all parts. */
const groups = [
  operations,
  { ...blobOperations, ...fillOperations },
  { ...tagOperations, ...linkOperations },
  processOperations,
].map((group) => Object.keys(group));

export const calls: fc.Arbitrary<readonly Call[]> = fc.oneof(
  ...groups.map((group) => fc.array(callOf(group), { maxLength: 100, size: 'max' })),
);

const subjects = 'are not the same (actual: of Redis, expected: of SQLite)';

/** Rejects with an error that names the first call whose answers differ. */
export async function compare(sequence: readonly Call[], redis: Subject, sqlite: Subject): Promise<void> {
  for (const [place, call] of sequence.entries()) {
    const answers = [await answerOf(call, redis), await answerOf(call, sqlite)];
    assert.deepEqual(answers[0], answers[1], `the answers to call ${place + 1}, ${call[0]}, ${subjects}`);
  }
  const inTheEnd = async (what: string, read: (subject: Subject) => Promise<unknown>) =>
    assert.deepEqual(plain(await read(redis)), plain(await read(sqlite)), `${what} in the end ${subjects}`);
  await inTheEnd('records', recordsOf);
  // The walk writes pending updates.
  await inTheEnd('the walk', ({ index }) => walk(index));
  await inTheEnd('records, after all updates were written,', recordsOf);
  await inTheEnd('the rest of the state', restOf);
  for (const { end } of [...redis.subscriptions, ...sqlite.subscriptions]) end();
}

async function answerOf([name, ...given]: Call, subject: Subject): Promise<unknown> {
  try {
    return plain(await operations[name]!.run(subject, ...given));
  } catch (error) {
    // No other call may fail, because both servers are healthy.
    if (error instanceof TypeError && name === 'links.put of two repositories') return 'refused';
    throw new Error(`${name} failed${isCacheError(error) ? `, ${error.kind}` : ''}`, { cause: error });
  }
}

async function recordsOf(subject: Subject): Promise<unknown> {
  const { index } = subject;
  return {
    tags: await each(repositoryKeys, ({ upstream, repository }) => index.tags.list(upstream, repository, everything)),
    eachTag: await each(repositoryKeys, (key) => each(tags, (tag) => index.tags.get({ ...key, tag }))),
    links: await each(repositoryKeys, (key) => each(digests, (digest) => index.links.get(key, digest))),
    holders: await each(repositories, (name) => index.links.holders(upstreams, name, digests[0]!)),
    linked: await each(repositoryKeys, async (key) => (await index.links.digests(key)).toSorted()),
    repositories: await index.links.repositories(everything),
    manifests: await each(digests, (digest) => index.manifests.get(digest)),
    blobs: await each(digests, (digest) => index.blobs.get(digest)),
    shards: await listShards(index, 0),
    fills: await each(digests, async (digest) => seen(subject, await index.fills.read(digest))),
  };
}

async function restOf({ index, subscriptions }: Subject): Promise<unknown> {
  return {
    totals: await index.blobs.totals(),
    values: await each(values, (name) => index.values.get(name)),
    leases: await each(leases, (name) => index.leases.acquire(name, 'one more', 600_000)),
    nodes: await readNodes(index),
    audit: await index.audit.list(everything),
    isComplete: await index.epoch.isComplete(),
    heard: subscriptions.map(({ heard }) => heard),
    popularity: await popularity(index),
  };
}

const everything = { limit: 1000 };

async function each<T>(names: readonly T[], read: (name: T) => Promise<unknown>): Promise<unknown[]> {
  return Promise.all(names.map(read));
}

/** Drops fields that are `undefined`. Callers treat them like missing ones. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}

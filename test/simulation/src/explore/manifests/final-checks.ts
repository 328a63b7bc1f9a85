// Checks the state after all faults are over and while all nodes run: the expected content is present, and no leftovers
// remain.
import { tagObjectKey } from '@cistern/blob-store';
import { isEmptied } from '@cistern/content';
import { digestAlgorithm, digestOf, parseDigest } from '@cistern/oci';
import type { Weather } from '../../cluster/cluster-weather.ts';
import { pause } from '../../cluster/pause.ts';
import { keyOf } from '../../cluster/stored-blobs.ts';
import type { SimulatedNodes } from '../../nodes/start-nodes.ts';
import { disk, simulatedRoot } from '../../world/files/file-system.ts';
import { type SimulatedRepository, tagKeyOf } from './image-catalog.ts';

type Problem = (text: string) => void;

/**
 * Returns the stored blobs that the index knows. A worker that ends while the index is unavailable leaves unknown
 * blobs, which a scrub adopts after a quarter of an hour.
 */
async function knownEntries({ store, shared }: SimulatedNodes) {
  const entries = store.stored.entries();
  const records = await Promise.all(entries.map(([digest]) => shared.index.blobs.get(digest)));
  return entries.filter((_, i) => records[i] !== undefined);
}

type KnownEntries = Awaited<ReturnType<typeof knownEntries>>;

/** Returns the bytes in the store, without the objects that cannot be removed at present. */
export async function storedBytes(nodes: SimulatedNodes, weather: Weather): Promise<number> {
  return bytesOf(await knownEntries(nodes), weather);
}

function bytesOf(entries: KnownEntries, { objects }: Weather): number {
  const removable = entries.filter(([digest]) => !objects.isUndeletable(keyOf(digest)));
  return removable.reduce((sum, [, stored]) => sum + stored.length, 0);
}

interface StoreLimit {
  readonly maxBytes: number;
  readonly weather: Weather;
}

/** Checks that the store is within its limit and that the bytes of each blob match its digest. */
export async function judgeStore(
  nodes: SimulatedNodes,
  { maxBytes, weather }: StoreLimit,
  problem: Problem,
): Promise<void> {
  const entries = await knownEntries(nodes);
  const bytes = bytesOf(entries, weather);
  if (bytes > maxBytes) problem(`the store has ${bytes} bytes in the end, more than ${maxBytes}`);
  for (const [digest, stored] of entries)
    if (digestOf(Buffer.from(stored), digestAlgorithm(digest)) !== digest)
      problem(`the bytes stored as ${digest} are wrong in the end`);
}

/** Checks that the index knows exactly the blobs in the store. The two can differ while an eviction removes a blob. */
export async function judgeIndex(nodes: SimulatedNodes, problem: Problem): Promise<void> {
  await judgeWithRetries(() => differences(nodes), problem);
}

/** Repeats the check before it reports a problem, because work in progress may end soon. */
async function judgeWithRetries(find: () => Promise<string[]>, problem: Problem): Promise<void> {
  let found = await find();
  for (let tries = 0; tries < judgeTries && found.length > 0; tries += 1) {
    await pause(judgePauseMs);
    found = await find();
  }
  for (const one of found) problem(one);
}

const judgeTries = 3;
const judgePauseMs = 2_000;

async function differences({ store, shared }: SimulatedNodes): Promise<string[]> {
  const { index } = shared;
  if (!(await index.epoch.isComplete())) return ['the index is not complete in the end'];
  const found: string[] = [];
  let count = 0;
  for (const [digest, { length }] of store.stored.entries()) {
    const record = await index.blobs.get(digest);
    // The index leaves out blobs that were truncated to zero bytes, until a scrub or a pull replaces them.
    if (record === undefined && isEmptied(digest, length)) continue;
    count += 1;
    if (record === undefined) found.push(`the index does not know that ${digest} is stored`);
    else if (record.size !== length) found.push(`the index says that ${digest} has ${record.size} bytes`);
  }
  const { blobs } = await index.blobs.totals();
  if (blobs !== count) found.push(`the index counts ${blobs} blobs, and ${count} are stored`);
  return found;
}

/** Loses the index and checks that tags and links return, as far as the store has their objects. */
export async function checkRebuild(
  nodes: SimulatedNodes,
  { repositories, weather }: { readonly repositories: readonly SimulatedRepository[]; readonly weather: Weather },
  problem: Problem,
): Promise<void> {
  const { index } = nodes.shared;
  const tags = async () => {
    const found = new Map<string, string>();
    for (const repository of repositories)
      for (const tag of repository.tags.keys()) {
        const key = tagObjectKey(tagKeyOf(repository, tag));
        const record = await index.tags.get(tagKeyOf(repository, tag));
        // A worker that ends while the store is unavailable leaves no object, or an outdated one.
        const object = nodes.store.objectAt(key);
        if (weather.objects.isUnreadable(key)) continue;
        if (record !== undefined && object !== undefined && Buffer.from(object).includes(record.digest))
          found.set(`${repository.fullName}:${tag} ${record.digest}`, key);
      }
    return found;
  };
  const before = await tags();
  nodes.shared.loseData();
  for (let tries = 0; tries < rebuildTries && !(await index.epoch.isComplete()); tries += 1)
    await pause(rebuildPauseMs);
  if (!(await index.epoch.isComplete())) return problem('the lost index was not rebuilt');
  const after = await tags();
  // A tag without an object was forgotten meanwhile.
  for (const [tag, objectKey] of before)
    if (!after.has(tag) && nodes.store.objectAt(objectKey) !== undefined)
      problem(`the rebuilt index does not know ${tag}`);
}

/** Counts the fetches that workers have parked or in flight. A killed worker has none. */
export async function countFills({ workers }: SimulatedNodes): Promise<number> {
  let fills = 0;
  for (const { metrics, owner } of workers) {
    if (owner.state === 'dead') continue;
    for (const gauge of [metrics.fillsParked, metrics.fillsInFlight])
      for (const { value } of (await gauge.get()).values) fills += value;
  }
  return fills;
}

const rebuildTries = 120;
const rebuildPauseMs = 500;

interface RestOptions {
  readonly repositories: readonly SimulatedRepository[];
  /** The number of subscriptions at the start of the run. */
  readonly subscriptions: number;
}

/** Checks that finished work leaves nothing behind. */
export async function judgeRest(nodes: SimulatedNodes, options: RestOptions, problem: Problem): Promise<void> {
  await judgeWithRetries(() => leftovers(nodes, options), problem);
}

async function leftovers(
  { shared, workers, jobs }: SimulatedNodes,
  { repositories, subscriptions }: RestOptions,
): Promise<string[]> {
  const found: string[] = [];
  if (shared.subscriptions !== subscriptions)
    found.push(`${shared.subscriptions} subscriptions are open; ${subscriptions} were open at the start`);
  if (jobs.size > 0) found.push(`${jobs.size} jobs are left`);
  for (const path of disk.list(`${simulatedRoot}/spool`, true))
    if (disk.find(path)?.kind === 'file') found.push(`the spool still has ${path}`);
  for (const { name, metrics } of workers) {
    const [used] = (await metrics.spoolBytes.get()).values;
    if ((used?.value ?? 0) > 0) found.push(`${name} counts ${used!.value} spooled bytes`);
  }
  for (const { blobs } of repositories)
    for (const digest of blobs.keys()) {
      const record = await shared.index.fills.read(parseDigest(digest));
      if (record !== undefined && record.state !== 'done' && record.state !== 'failed')
        found.push(`the record of a fill of ${digest} is ${record.state}`);
    }
  return found;
}

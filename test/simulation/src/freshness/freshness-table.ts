// The table of docs/architecture.md, section 5, row by row. Each cell has a record of the tag and a behavior of the
// upstream. It names the response to the client and the requests that the upstream receives.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { type Digest, parseReference, parseRepositoryName } from '@cistern/oci';
import { type Behaviour, behaviours } from './behaviours.ts';
import type { FreshnessStage } from './open-freshness-stage.ts';

const minuteMs = 60_000;
/**
 * Ages of the record, for a policy of one minute of TTL, another minute of revalidation in the background, and an hour
 * on error.
 */
const ages = { fresh: 30_000, stale: 1.5 * minuteMs, expired: 10 * minuteMs, ancient: 120 * minuteMs } as const;
const states = [...(Object.keys(ages) as (keyof typeof ages)[]), 'absent'] as const;
const methods = ['HEAD', 'GET'] as const;
const tags = ['kept', 'forgotten'] as const;

export interface Cell {
  readonly state: (typeof states)[number];
  readonly method: (typeof methods)[number];
  readonly tag: (typeof tags)[number];
  readonly behaviour: Behaviour;
}

export function allCells(): Cell[] {
  return behaviours.flatMap((behaviour) =>
    states.flatMap((state) => methods.flatMap((method) => tags.map((tag) => ({ state, method, tag, behaviour })))),
  );
}

function nameOf({ state, method, tag, behaviour }: Cell): string {
  return `${behaviour.name}/${state}-${tag}-${method.toLowerCase()}`;
}

/** The digests that the tag named before and names now. */
interface Prepared {
  readonly old: Digest;
  readonly now: Digest;
}

interface Expected {
  /** `X-Cache` and the reason for staleness, or the kind of error. */
  readonly answer: string;
  readonly digest: 'old' | 'new' | 'none';
  /** HEADs and GETs of manifests that the upstream received until all work ended. */
  readonly calls: string;
  /** True if the tag has a record afterwards. */
  readonly known: boolean;
}

/** Returns the result that the table requires for a cell. */
function expected({ state, method, tag, behaviour: { outcome, kind } }: Cell): Expected {
  const error = kind ?? 'no error';
  const forgets = outcome === 'refuses' && tag === 'forgotten';
  if (state === 'fresh') return { answer: 'HIT', digest: 'old', calls: '0+0', known: true };
  if (outcome === 'offline')
    return state === 'stale' || state === 'expired'
      ? { answer: 'STALE offline', digest: 'old', calls: '0+0', known: true }
      : { answer: error, digest: 'none', calls: '0+0', known: state !== 'absent' };
  const revalidation = outcome === 'changed' ? '1+1' : '1+0';
  if (state === 'stale') return { answer: 'STALE revalidating', digest: 'old', calls: revalidation, known: !forgets };
  if (state === 'absent') {
    const calls = method === 'HEAD' ? '1+0' : '0+1';
    const found = outcome === 'same' || outcome === 'changed';
    return found
      ? { answer: 'MISS', digest: 'new', calls, known: true }
      : { answer: error, digest: 'none', calls, known: false };
  }
  if (outcome === 'same') return { answer: 'REVALIDATED', digest: 'old', calls: '1+0', known: true };
  if (outcome === 'changed') return { answer: 'MISS', digest: 'new', calls: '1+1', known: true };
  if (outcome === 'refuses' && !forgets) return { answer: 'STALE gone', digest: 'old', calls: '1+0', known: true };
  if (forgets) return { answer: error, digest: 'none', calls: '1+0', known: false };
  if (state === 'expired') return { answer: 'STALE failing', digest: 'old', calls: '1+0', known: true };
  return { answer: error, digest: 'none', calls: '1+0', known: true };
}

/** Sends the request of the cell, and asserts the result of the table. */
export async function checkCell(stage: FreshnessStage, cell: Cell, { old, now }: Prepared): Promise<void> {
  const name = nameOf(cell);
  const wanted = expected(cell);
  const first = await sendRequest(stage, cell);
  const named = first.digest === old ? 'old' : first.digest === now ? 'new' : 'none';
  assert.deepEqual(
    [first.answer, named],
    [wanted.answer, wanted.digest === 'new' && old === now ? 'old' : wanted.digest],
    name,
  );
  if (first.answer === 'STALE revalidating') await settled(stage, cell);
  assert.equal(callsOf(stage, name), wanted.calls, `calls of ${name}`);
  assert.equal((await stage.index.tags.get(keyOf(cell))) !== undefined, wanted.known, `record of ${name}`);

  // A second request at the same moment causes no further request to the upstream, independent of the first result.
  const second = await sendRequest(stage, cell);
  assert.equal(callsOf(stage, name), secondCalls(cell, wanted), `calls of ${name} after a second request`);
  if (wanted.answer.startsWith('STALE') && cell.state !== 'stale') assert.equal(second.answer, wanted.answer, name);
}

/** A forgotten tag is requested like an unseen one. For an unknown tag, no record of the upstream's failure is kept. */
function secondCalls({ state, method, tag, behaviour: { outcome } }: Cell, { calls }: Expected): string {
  if (outcome === 'fails' && state === 'absent') return method === 'HEAD' ? '2+0' : '0+2';
  if (outcome === 'refuses' && tag === 'forgotten' && state === 'stale') return method === 'HEAD' ? '2+0' : '1+1';
  return calls;
}

function callsOf(stage: FreshnessStage, repository: string): string {
  const { head, get } = stage.callsOf(repository);
  return `${head}+${get}`;
}

const keyOf = (cell: Cell) => {
  const reference = parseReference(cell.tag);
  assert.ok(reference.kind === 'tag');
  return { upstream: 'docker.io', repository: parseRepositoryName(nameOf(cell)), tag: reference.tag };
};

/**
 * Prepares a cell. The image exists at the upstream. If the cell needs a record of the tag, a pull has created one of
 * the right age.
 */
export async function prepareCell(
  { before, hub, cache, index, seeding, callsOf: counted, nowMs }: FreshnessStage,
  cell: Cell,
  seed: number,
): Promise<Prepared> {
  const name = nameOf(cell);
  const key = keyOf(cell);
  const old = hub.addImage(name, { tag: cell.tag, seed }).digest;
  before.addImage(name, { tag: cell.tag, seed });
  if (cell.state === 'absent') return { old, now: old };
  seeding.add(name);
  await cache.openManifest({ ...key, reference: parseReference(cell.tag) });
  seeding.delete(name);
  Object.assign(counted(name), { head: 0, get: 0 });
  const atMs = nowMs - ages[cell.state];
  const record = (await index.tags.get(key)) ?? assert.fail(name);
  await index.tags.put({ ...record, firstSeenAtMs: atMs, changedAtMs: atMs, checkedAtMs: atMs, lastTriedAtMs: atMs });
  if (cell.behaviour.outcome !== 'changed') return { old, now: old };
  return { old, now: hub.addImage(name, { tag: cell.tag, seed: seed + 100_000 }).digest };
}

async function sendRequest({ cache }: FreshnessStage, cell: Cell) {
  const request = { ...keyOf(cell), reference: parseReference(cell.tag) };
  try {
    const facts = cell.method === 'HEAD' ? await cache.statManifest(request) : await cache.openManifest(request);
    const { digest, cache: result, staleBecause } = facts;
    return { answer: [result, ...(staleBecause === undefined ? [] : [staleBecause])].join(' '), digest };
  } catch (error) {
    if (!isCacheError(error)) throw error;
    return { answer: error.kind as string, digest: undefined };
  }
}

/** Waits until the background work of the response has ended. */
async function settled({ index, nowMs }: FreshnessStage, cell: Cell): Promise<void> {
  for (let tries = 0; tries < 3_000; tries += 1) {
    const record = await index.tags.get(keyOf(cell));
    if (record === undefined || record.checkedAtMs === nowMs || record.lastFailure !== undefined) return;
    await delay(10);
  }
  assert.fail(`the revalidation of ${nameOf(cell)} did not end`);
}

// Judges a run of blobs: each reader, each commit, and the state at the end.
import { isCacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { pause } from '../cluster/pause.ts';
import { digestOnce, isRight } from '../cluster/right-bytes.ts';
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import { fileSystem } from '../world/files/file-system.ts';
import { network } from '../world/network/network-state.ts';
import { runAs } from '../world/owner.ts';
import { createRandom } from '../world/random.ts';
import { schedule } from '../world/schedule.ts';
import type { AppliedFaults } from './apply-faults.ts';
import type { PlannedFault } from './fault-plan.ts';
import { type BlobReading, readBlob } from './read-blob.ts';

const chunkBytes = 65_536;
/** Must equal the time for which the product's index waits for a lost record. */
const lostRecordMs = 1_200;
const evictAfterMs = 8_000;

export type Outcome = Awaited<ReturnType<typeof readBlob>> | { readonly result: 'gone' };

interface Judging {
  readonly isStranger: boolean;
  readonly maySendWrong: boolean;
  /** True if a size can be wrong, because an object was truncated or the upstream reports a wrong size. */
  readonly mayReadWrong: boolean;
  /** True if an error can have other causes than the clients. */
  readonly mayFail: boolean;
  readonly problem: (text: string) => void;
  readonly name: string;
}

export function judge(
  outcome: Outcome,
  { isStranger, maySendWrong, mayReadWrong, mayFail, problem, name }: Judging,
): void {
  if (outcome.result === 'gone' || outcome.result === 'left') return;
  if (outcome.result === 'error') {
    if (!mayFail || !isCacheError(outcome.error))
      problem(`${name} got an error that must not occur: ${String((outcome.error as Error)?.stack ?? outcome.error)}`);
    return;
  }
  if (isStranger) problem(`${name}, a stranger, got the blob`);
  if (outcome.result === 'wrong size' && !mayReadWrong) problem(`${name} got a wrong size`);
  if (outcome.result === 'short') problem(`${name} got a clean end too early`);
  if (outcome.result === 'wrong' && (!maySendWrong || outcome.isWhole))
    problem(`${name} got wrong bytes and a clean end`);
}

export function checkCommits({ store }: SimulatedCluster, problem: (text: string) => void): void {
  store.stored.watch((digest, bytes) => {
    if (!isRight(digest, bytes)) problem('wrong bytes were committed');
  });
  store.onCommitted = (_digest, isThere) => {
    if (!isThere) problem('a commit resolved, but the blob is not stored');
  };
}

interface UpstreamJudging {
  readonly faults: readonly PlannedFault[];
  /** True if GETs end early where other GETs begin. */
  readonly isStriped: boolean;
  /** Number of fills that found no space on a disk. */
  readonly refused: number;
  readonly bytes: Buffer;
  readonly problem: (text: string) => void;
}

export function judgeUpstream(
  { upstream }: SimulatedCluster,
  applied: AppliedFaults,
  { faults, isStriped, refused, bytes, problem }: UpstreamJudging,
): void {
  const isHonest = !faults.some(({ kind }) => kind.startsWith('upstream') && kind !== 'upstream stalls');
  if (!isHonest || faults.some(({ kind }) => kind === 'store away')) return;
  const size = bytes.length;
  const gets = upstream.gets.filter(({ digest }) => digest === digestOnce(bytes));
  const sent = gets.reduce((sum, get) => sum + get.sentBytes, 0);
  const again = applied.takeOvers + applied.losses + refused;
  const slack = size > 150_000 ? 2 * size + 5 * chunkBytes : 5 * chunkBytes * Math.sign(again + Number(isStriped));
  const fetches = size * (1 + again);
  // Readers may fetch the same number of bytes alongside each fill.
  const beside = Math.min(
    fetches,
    gets.reduce((sum, get) => sum + get.sideBytes, 0),
  );
  if (sent - beside > fetches + slack)
    problem(`the upstream sent ${sent} bytes of a blob of ${size} in ${gets.length} GETs, with ${again} take-overs`);
}

export type ServedBlob = Pick<BlobReading, 'key' | 'digest' | 'bytes' | 'segmentBytes'>;

/** Checks that each client gets the blob. Called after all faults are over. */
export async function servesNow(
  { name, owner, cache }: SimulatedCluster['frontends'][number],
  blob: ServedBlob,
  problem: (text: string) => void,
): Promise<void> {
  const request = {
    ...blob,
    reads: ['whole'] as const,
    slowness: 0,
    random: createRandom(1),
  };
  for (let tries = 3; ; tries -= 1) {
    const outcome = await runAs(owner, () => readBlob(cache, request));
    if (outcome.result === 'right') return;
    const cause = outcome.result === 'error' ? (outcome.error as Error).message : outcome.result;
    if (tries === 1) return problem(`in the end ${name} does not serve the blob: ${cause}`);
    await pause(3_000);
  }
}

/**
 * Checks that an evicted blob is fetched again immediately, because the first fetch must leave no obstacle. Virtual
 * time makes the check exact.
 */
export async function checkRefetch(
  { store: { stored }, shared, frontends }: SimulatedCluster,
  blob: ServedBlob,
  { callMs, problem }: { callMs: number; problem: (text: string) => void },
): Promise<void> {
  const { digest, bytes, segmentBytes } = blob;
  await pause(evictAfterMs);
  stored.damage(digest, undefined);
  await shared.index.blobs.remove(digest);
  await pause(evictAfterMs);
  const { name, owner, cache } = frontends[0]!;
  const request = { ...blob, reads: ['whole'] as const, slowness: 0 };
  const beganMs = schedule.nowMs;
  const outcome = await runAs(owner, () => readBlob(cache, { ...request, random: createRandom(1) }));
  const tookMs = schedule.nowMs - beganMs;
  // A fill whose record was lost may have left another record that the first claim waits for. The double of the index
  // waits for a lost index first, and then for that record. Redis waits for only one of them.
  const steps = 60 + 8 * Math.ceil(bytes.length / segmentBytes);
  const mostMs = 2 * lostRecordMs + 1_000 + steps * (callMs + network.maxLatencyMs + fileSystem.maxLatencyMs);
  if (outcome.result !== 'right') problem(`${name} does not serve an evicted blob: ${outcome.result}`);
  else if (tookMs > mostMs)
    problem(`${name} took ${tookMs.toFixed(0)} ms for an evicted blob; the limit is ${mostMs.toFixed(0)}`);
}

export async function judgeRest(
  { workers, frontends, shared, store: { stored }, upstream }: SimulatedCluster,
  digest: Digest,
  problem: (text: string) => void,
) {
  for (const { name, fills, spools } of workers) {
    if (fills.size > 0) problem(`${name} still has ${fills.size} fills`);
    if (spools.usedBytes > 0) problem(`${name} still has ${spools.usedBytes} bytes spooled`);
  }
  for (const { name, openWindows, usedBufferBytes } of frontends)
    if (openWindows > 0 || usedBufferBytes > 0)
      problem(`${name} still has ${openWindows} windows of ${usedBufferBytes} bytes`);
  if (shared.subscriptions > 0) problem(`${shared.subscriptions} subscriptions are left`);
  const record = await shared.index.fills.read(digest);
  if (record !== undefined && record.state !== 'done' && record.state !== 'failed')
    problem(`the record of the fill is ${record.state}`);
  for (const [stays, bytes] of stored.entries()) if (!isRight(stays, bytes)) problem('a stored blob is wrong');
  if (stored.get(digest) === undefined) problem('in the end the blob is not stored');
  for (const get of upstream.gets)
    if (!get.isClosed && get.owner.state !== 'dead')
      problem(
        `a body of the upstream is still open: ${get.owner.name}, from ${get.from} to ${get.toExclusive}, ${get.sentBytes} sent`,
      );
}

// Clients for simulations: they ask for whole blobs or ranges, at their own pace, and may leave in the middle.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import type { BlobStream, PullThrough } from '../pull-through.ts';
import type { Random, SimulatedBlob } from './simulated-faults.ts';
import { repositoryOf } from './start-test-cache.ts';
import { collect } from './test-bytes.ts';

export const holders = [repositoryOf('docker.io', 'library/nginx'), repositoryOf('docker.io', 'library/redis')];
const stranger = repositoryOf('docker.io', 'someone/else');
const mebibyte = 1024 * 1024;

/**
 * Asks `cache` for one of `blobs`. Fails if what it gets is anything else than the right bytes or a proper error; resolves
 * with that error, if there was one.
 */
export async function simulateClient(
  cache: PullThrough,
  blobs: readonly SimulatedBlob[],
  random: Random,
): Promise<Error | undefined> {
  const blob = blobs[random(blobs.length)]!;
  const { digest, bytes } = blob;
  const isStranger = random(8) === 0;
  const key = isStranger ? stranger : holders[random(holders.length)]!;
  const leaving = new AbortController();
  if (random(4) === 0) setTimeout(() => leaving.abort(new Error('simulated: the client left')), random(60));
  const intent = (['whole', 'whole', 'ranges', 'ranges', 'stat'] as const)[random(5)]!;
  try {
    const opened = await cache.openBlob({ ...key, digest, intent, signal: leaving.signal });
    assert.ok(!isStranger, 'a stranger was let in');
    // Where no manifest says it, upstream may lie about the size too; then there are no bytes to it.
    if (opened.size !== bytes.length) {
      await assert.rejects(async () => collect(await opened.read()));
      return undefined;
    }
    if (intent === 'whole') await readAndCheck(await opened.read(), blob, 0, bytes.length, random);
    if (intent !== 'ranges' || bytes.length === 0) return undefined;
    for (let reads = 1 + random(3); reads > 0; reads -= 1) {
      const start = random(bytes.length);
      const lengths = [bytes.length, 1, 1 + random(100), 1 + random(2 * mebibyte), 1 + random(6 * mebibyte)];
      const end = Math.min(bytes.length - 1, start + lengths[random(lengths.length)]! - 1);
      await readAndCheck(await opened.read({ start, end }), blob, start, end + 1, random);
    }
  } catch (error) {
    if (isCacheError(error) || (error instanceof Error && error.message.startsWith('simulated'))) return error;
    throw error;
  }
  return undefined;
}

/** Takes the chunks at some pace, perhaps not to the end. */
async function readAndCheck(
  stream: BlobStream,
  { bytes, lied }: SimulatedBlob,
  from: number,
  toExclusive: number,
  random: Random,
): Promise<void> {
  const leaveAfter = random(5) === 0 ? random(10) : Infinity;
  const pauses = random(3) === 0;
  const sums: boolean[] = [];
  let position = from;
  try {
    for (let chunks = 0; chunks < leaveAfter; chunks += 1) {
      const chunk = await stream.next();
      if (chunk === undefined) {
        assert.equal(position, toExclusive, 'a body ended cleanly before its end');
        const isVerified = toExclusive === bytes.length && (from === 0 || toExclusive - from > 4 * mebibyte);
        assert.ok(!sums.includes(false) || (lied && !isVerified), 'a body that ended cleanly was wrong');
        return;
      }
      // A socket takes its time, and must find the same bytes when it comes to them.
      if (pauses && random(2) === 0) await delay(random(5) === 0 ? random(600) : random(10));
      sums.push(bytes.subarray(position, position + chunk.length).equals(chunk));
      position += chunk.length;
      assert.ok(position <= toExclusive, 'a body was too long');
    }
  } finally {
    stream.close();
  }
}

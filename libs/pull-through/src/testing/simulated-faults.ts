// Faults at random, by a seed: an upstream that lies and breaks, a store that refuses, announcements that get lost.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { ScriptedUpstream } from './scripted-upstream.ts';

const mebibyte = 1024 * 1024;

export type Random = (below: number) => number;

export function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

export interface SimulatedBlob {
  readonly digest: Digest;
  readonly bytes: Buffer;
  /** Whether upstream sometimes sends other bytes for it: then a small range may be wrong, the end of the blob never. */
  readonly lied: boolean;
}

export interface Faults {
  on: boolean;
  random: Random;
}

const broken = () => new CacheError('upstream-unreachable', 'simulated: the connection broke', { retryable: true });

export function spoilUpstream({ script }: ScriptedUpstream, blobs: readonly SimulatedBlob[], faults: Faults): void {
  const { random } = faults;
  script.onCall = async () => {
    if (!faults.on) return;
    if (random(3) === 0) await delay(random(30));
    const fate = random(40);
    if (fate === 0) throw new CacheError('upstream-rate-limited', 'simulated: too many requests');
    if (fate === 1) throw new CacheError('blob-unknown', 'simulated: gone for a moment');
    if (fate === 2) throw broken();
  };
  script.onChunk = async () => {
    if (faults.on && random(5) === 0) await delay(random(12));
  };
  script.breakAt = () => (faults.on && random(8) === 0 ? random(3 * mebibyte) : undefined);
  script.bend = ({ digest, from, toExclusive }, whole) => {
    const fate = faults.on ? random(16) : Infinity;
    const part = whole.subarray(from ?? 0, toExclusive);
    if (part.length < whole.length && fate === 15) throw new CacheError('unsupported', 'simulated: no ranges today');
    if (fate === 0) return { bytes: part.subarray(0, random(part.length + 1)), totalSize: whole.length };
    if (fate === 1) return { bytes: part, totalSize: undefined };
    if (fate === 2) return { bytes: part, totalSize: whole.length + 1 };
    if (fate > 6 || part.length === 0 || blobs.find((blob) => blob.digest === digest)?.lied !== true) return undefined;
    const flipped = Buffer.from(part);
    const at = random(part.length);
    flipped[at] = flipped[at]! ^ 1;
    return { bytes: flipped, totalSize: whole.length };
  };
}

export function spoilStore(inner: BlobStore, faults: Faults): BlobStore {
  const maybeFail = (one: number) => {
    if (faults.on && faults.random(one) === 0) throw new CacheError('store-unavailable', 'simulated: the disk failed');
  };
  return {
    ...inner,
    async open(...given) {
      maybeFail(40);
      const reader = await inner.open(...given);
      return (
        reader && {
          size: reader.size,
          start: reader.start,
          endExclusive: reader.endExclusive,
          close: reader.close,
          async read(into) {
            maybeFail(200);
            return reader.read(into);
          },
        }
      );
    },
    async adoptFile(...given) {
      maybeFail(4);
      await inner.adoptFile!(...given);
    },
  };
}

/** Counts subscriptions, and loses announcements. */
export function spoilIndex(inner: CacheIndex, faults: Faults, counts: { subscriptions: number }): CacheIndex {
  return {
    ...inner,
    announcements: {
      async publish(...given) {
        if (!faults.on || faults.random(20) > 0) await inner.announcements.publish(...given);
      },
      async subscribe(...given) {
        const unsubscribe = await inner.announcements.subscribe(...given);
        counts.subscriptions += 1;
        return () => {
          counts.subscriptions -= 1;
          unsubscribe();
        };
      },
    },
  };
}

// Clients that pull the same images continuously during a test.
// real-time: clients pause between pulls, and record when each began
import { setTimeout as delay } from 'node:timers/promises';
import type { AddedImage } from '@cistern/fake-upstream';
import { type Pulled, tryPull } from './pull.ts';

export interface PullingOptions {
  readonly clients: number;
  /** The addresses that clients pull from in turn. */
  readonly at: readonly { readonly url: string }[];
  readonly images: readonly AddedImage[];
  readonly tagOf: (image: AddedImage) => string;
  /** The average pause between two pulls of a client. Default: 50. */
  readonly pauseMs?: number;
}

export interface Pulling {
  /** All pulls so far. */
  readonly pulled: readonly (Pulled & { readonly beganAtMs: number })[];
  /** Lets running pulls end. Rejects if any pull received wrong or short bytes, or if a connection broke. */
  stop(): Promise<void>;
}

export function pullContinuously({ clients, at, images, tagOf, pauseMs = 50 }: PullingOptions): Pulling {
  const pulled: (Pulled & { beganAtMs: number })[] = [];
  const stopping = new AbortController();
  const pause = (ms: number) => delay(ms, undefined, { signal: stopping.signal }).catch(() => {});
  const client = async (number: number) => {
    // Clients do not start at the same time, because they would then queue forever.
    await pause((pauseMs * number) / clients);
    for (let round = number; !stopping.signal.aborted; round += 1) {
      const image = images[round % images.length]!;
      const from = at[round % at.length]!;
      const beganAtMs = performance.now();
      pulled.push({ ...(await tryPull({ at: from, image, tag: tagOf(image) })), beganAtMs });
      // The random pause keeps clients out of step after a common delay.
      await pause(pauseMs * (0.5 + Math.random()));
    }
  };
  const running = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  running.catch(() => stopping.abort());
  return {
    pulled,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

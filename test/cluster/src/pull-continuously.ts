// Clients that pull the same images over and over while something happens behind them.
// real-time: clients pause between pulls, and record when each began
import { setTimeout as delay } from 'node:timers/promises';
import type { AddedImage } from '@cistern/fake-upstream';
import { type Pulled, tryPull } from './pull.ts';

export interface PullingOptions {
  readonly clients: number;
  /** Where each client pulls from, in turns. */
  readonly at: readonly { readonly url: string }[];
  readonly images: readonly AddedImage[];
  readonly tagOf: (image: AddedImage) => string;
  /** Between two pulls of a client, on average; default 50. */
  readonly pauseMs?: number;
}

export interface Pulling {
  /** So far. */
  readonly pulled: readonly (Pulled & { readonly beganAtMs: number })[];
  /** Lets the pulls under way end. Rejects if one of all brought wrong or short bytes, or a connection broke. */
  stop(): Promise<void>;
}

export function pullContinuously({ clients, at, images, tagOf, pauseMs = 50 }: PullingOptions): Pulling {
  const pulled: (Pulled & { beganAtMs: number })[] = [];
  const stopping = new AbortController();
  const pause = (ms: number) => delay(ms, undefined, { signal: stopping.signal }).catch(() => {});
  const client = async (number: number) => {
    // Not all at once: they would queue for ever.
    await pause((pauseMs * number) / clients);
    for (let round = number; !stopping.signal.aborted; round += 1) {
      const image = images[round % images.length]!;
      const from = at[round % at.length]!;
      const beganAtMs = performance.now();
      pulled.push({ ...(await tryPull({ at: from, image, tag: tagOf(image) })), beganAtMs });
      // Nor in step, once something has held all of them up.
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

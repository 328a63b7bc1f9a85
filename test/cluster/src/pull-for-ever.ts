// Clients that pull the same images over and over while something happens behind them.
import { setTimeout as delay } from 'node:timers/promises';
import type { AddedImage } from '@cistern/fake-upstream';
import { type Pulled, tryPull } from './pull.ts';

export interface PullingOptions {
  readonly clients: number;
  /** Where each client pulls from, in turns. */
  readonly at: readonly { readonly url: string }[];
  readonly images: readonly AddedImage[];
  readonly tagOf: (image: AddedImage) => string;
  /** Between two pulls of a client; default 50. */
  readonly pauseMs?: number;
}

export interface Pulling {
  /** So far. */
  readonly pulled: readonly (Pulled & { readonly endedAtMs: number })[];
  /** Lets the pulls under way end. Rejects if one of all brought wrong or short bytes, or a connection broke. */
  stop(): Promise<void>;
}

export function pullForEver({ clients, at, images, tagOf, pauseMs = 50 }: PullingOptions): Pulling {
  const pulled: (Pulled & { endedAtMs: number })[] = [];
  const stopping = new AbortController();
  const client = async (number: number) => {
    for (let round = number; !stopping.signal.aborted; round += 1) {
      const image = images[round % images.length]!;
      const from = at[round % at.length]!;
      pulled.push({ ...(await tryPull({ at: from, image, tag: tagOf(image) })), endedAtMs: performance.now() });
      await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
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

// Reads the store through, again and again. Every worker has one; of all of them one reads.
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { withLease } from '@cistern/index';
import { createScrub, type ScrubDeps } from './create-scrub.ts';

export interface Scrubber {
  /** Resolves when it does nothing any more; a pass under way is left, for another to go on with. */
  close(): Promise<void>;
}

/** Whether a pass is due, or another worker's has to be gone on with. */
const lookEveryMs = 30_000;
/** Others have more to do at a start. */
const firstLookMs = 60_000;

export function startScrubber(deps: ScrubDeps): Scrubber {
  const { index, log } = deps;
  const closing = new AbortController();
  const { signal } = closing;

  async function run(): Promise<void> {
    const scrub = createScrub(deps);
    const { everyMs } = deps.limits;
    for (let waitMs = Math.min(firstLookMs, everyMs); !signal.aborted; waitMs = Math.min(lookEveryMs, everyMs)) {
      await delay(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await withLease({ index, name: 'scrub', signal }, (held) => scrub.run(held));
      } catch (error) {
        // Stores and indexes say themselves when they cannot be reached.
        if (!signal.aborted && !isCacheError(error, 'index-unavailable', 'store-unavailable'))
          log.error({ err: error }, 'the store cannot be read through for now');
      }
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

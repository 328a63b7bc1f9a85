// Evicts blobs that exceed their maximum age, even if the store is not full.
import type { Logger } from '@cistern/telemetry';
import { chooseAged, type ChooseAgedDeps } from './choose-victims.ts';
import type { Deleter } from './create-deleter.ts';

export interface AgingDeps extends ChooseAgedDeps {
  readonly deleter: Deleter;
  readonly log: Logger;
}

/**
 * Runs one search for blobs past their maximum age. Rejects as `Deleter.remove` does, or with the signal's reason; the
 * next search continues.
 */
export async function removeAged(deps: AgingDeps, signal: AbortSignal): Promise<void> {
  const { index, deleter, log } = deps;
  if (!(await index.epoch.isComplete())) return;
  await deleter.finish();
  await deleter.readPins();
  let blobs = 0;
  try {
    for await (const aged of chooseAged(deps, deleter.isSpared, signal))
      blobs += (await deleter.remove(aged, 'age')).blobs;
  } finally {
    if (blobs > 0) log.info({ blobs }, 'evicted blobs past max age');
  }
}

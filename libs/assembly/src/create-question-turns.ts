// The questions that a worker has in hand at one upstream, in callers' names.
import { createFairQueue, type FairQueue } from '@cistern/auth';

/** At once: as many as the upstream's connections for them. The others wait, and those of one network in one line. */
export function createQuestionTurns(refusal: () => Error): FairQueue {
  return createFairQueue({
    atOnce: 32,
    atOncePerNetwork: 4,
    maxWaiting: 1000,
    maxWaitingPerNetwork: 100,
    refusal,
  });
}

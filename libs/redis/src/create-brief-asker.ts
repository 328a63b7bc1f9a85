// Asks Redis what can be done without, if need be: whoever asks waits half a second at most, and after a failure nobody asks
// for two, so that one client waits for a Redis that hangs, not all.
import { answersWithin } from './answers-within.ts';

const answerMs = 500;
const restMs = 2000;
const quietMs = 10_000;

/** `undefined`: there is no answer now. Never rejects. */
export type AskBriefly = <T>(question: () => Promise<T>) => Promise<T | undefined>;

/** `onFailure` is told of one every ten seconds. */
export function createBriefAsker(onFailure: (error: unknown) => void): AskBriefly {
  let restUntilMs = 0;
  let quietUntilMs = 0;
  return async (question) => {
    if (performance.now() < restUntilMs) return undefined;
    try {
      return await answersWithin(answerMs, question());
    } catch (error) {
      restUntilMs = performance.now() + restMs;
      if (performance.now() >= quietUntilMs) {
        quietUntilMs = performance.now() + quietMs;
        onFailure(error);
      }
      return undefined;
    }
  };
}

// Asks Redis what can be done without, if need be: whoever asks waits for `commandTimeoutMs` at most, and after a failure nobody
// asks for two seconds, so that one client waits for a Redis that hangs, not all.
import { answersWithin } from './answers-within.ts';

const restMs = 2000;
const quietMs = 10_000;

/** `undefined`: there is no answer now. Never rejects. */
export type AskBriefly = <T>(question: () => Promise<T>) => Promise<T | undefined>;

export interface BriefAskerOptions {
  readonly commandTimeoutMs: number;
  /** Called for one failure every ten seconds. */
  readonly onFailure: (error: unknown) => void;
}

export function createBriefAsker({ commandTimeoutMs, onFailure }: BriefAskerOptions): AskBriefly {
  let restUntilMs = 0;
  let quietUntilMs = 0;
  return async (question) => {
    if (performance.now() < restUntilMs) return undefined;
    try {
      return await answersWithin(commandTimeoutMs, question());
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

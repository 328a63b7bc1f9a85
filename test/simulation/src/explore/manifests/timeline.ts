// A right that is given, taken away and given again.
import { schedule } from '../../world/schedule.ts';

export interface Timeline {
  /** `sinceMs`: when the change began; by now it is complete. */
  change(isGiven: boolean, sinceMs?: number): void;
  /** Whether the right was given, or taken away, at any time of these. */
  within(isGiven: boolean, fromMs: number, toMs: number): boolean;
}

/** The right is given at first. While a change is on its way both may hold. */
export function createTimeline(): Timeline {
  const spans = [{ isGiven: true, fromMs: 0, toMs: Infinity }];
  return {
    change(isGiven, sinceMs = schedule.nowMs) {
      spans.at(-1)!.toMs = schedule.nowMs;
      spans.push({ isGiven, fromMs: sinceMs, toMs: Infinity });
    },
    within: (isGiven, fromMs, toMs) =>
      spans.some((span) => span.isGiven === isGiven && span.fromMs <= toMs && span.toMs >= fromMs),
  };
}

// Records when a right is given, revoked and given again.
import { schedule } from '../../world/schedule.ts';

export interface Timeline {
  /** Records a change that is complete now and that began at `sinceMs`. */
  change(isGiven: boolean, sinceMs?: number): void;
  /** Reports whether the right was given (or, if `isGiven` is false, revoked) at any time in the interval. */
  within(isGiven: boolean, fromMs: number, toMs: number): boolean;
}

/** The right is given at first. While a change is in progress, both states count. */
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

// Replaces `Date` and `performance.now` with virtual time. The wall clock of a process can be wrong.
import { currentOwner } from './owner.ts';
import { real } from './real.ts';
import { readClock } from './schedule.ts';

let epochMs = Date.UTC(2027, 0, 15);

/**
 * Lets new worlds begin at the machine's present time, for tests that use real files and certificates. By default they
 * begin on a fixed day.
 */
export function beginNow(): void {
  epochMs = real.Date.now();
}

/** How far the wall clocks of processes are ahead, by name. A restarted process keeps its skew. */
export const clockSkewsMs = new Map<string, number>();

const skewMs = () => (clockSkewsMs.size === 0 ? 0 : (clockSkewsMs.get(currentOwner()?.name ?? '') ?? 0));

export const clock = {
  now: () => Math.floor(epochMs + readClock() + skewMs()),
  performanceNow: readClock,
};

/** Replaces the global `Date`. Only the present time differs. */
export const VirtualDate = new Proxy(real.Date, {
  construct: (target, given: [], self) => Reflect.construct(target, given.length === 0 ? [clock.now()] : given, self),
  apply: () => new real.Date(clock.now()).toString(),
  get: (target, key, self) => (key === 'now' ? clock.now : Reflect.get(target, key, self)),
});

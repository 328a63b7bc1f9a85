// Records which GET fetches which segments.
import type { Segment, Segments } from '../spool/segments.ts';
import type { Run } from './copy-body.ts';

export function createClaims(segments: Segments) {
  const owners = new Map<number, Run>();
  const runs = new Set<Run>();

  const isOpen = ({ index, isComplete }: Segment) => !isComplete && !owners.has(index);

  const disclaim = (run: Run, from = 0): void => {
    for (const [index, owner] of owners) if (owner === run && index >= from) owners.delete(index);
  };

  return {
    /** Runs that have not ended. */
    get count(): number {
      return runs.size;
    },
    get runs(): Iterable<Run> {
      return runs;
    },
    ownerOf: ({ index }: Segment): Run | undefined => owners.get(index),
    /** The first missing segment that no run fetches. */
    get firstOpen(): Segment | undefined {
      for (const segment of segments) if (isOpen(segment)) return segment;
      return undefined;
    },
    /** Returns the end of the open segments from `first` on, within `limit` bytes. */
    endOfOpen(first: Segment, limit: number): number {
      let { end } = first;
      for (let index = first.index + 1; index < segments.count; index += 1) {
        const next = segments.at(index);
        if (!isOpen(next) || next.end - first.start > limit) break;
        ({ end } = next);
      }
      return end;
    },
    /** Assigns to `run` the segments from `first` to the end of `run`. */
    claim(run: Run, first: Segment): void {
      runs.add(run);
      for (let segment = first; ; segment = segments.at(segment.index + 1)) {
        owners.set(segment.index, run);
        if (segment.end >= run.endExclusive) return;
      }
    },
    /** Assigns to `run` every open segment that it has not passed. */
    claimAllOpen(run: Run): void {
      for (const segment of segments) if (isOpen(segment) && segment.start >= run.next) owners.set(segment.index, run);
    },
    /** Releases the segments of `run` from the index `from` on. */
    disclaim,
    end(run: Run): void {
      runs.delete(run);
      disclaim(run);
    },
  };
}

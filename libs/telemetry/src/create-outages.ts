// Logs the outages of the parts that a node depends on. An outage is one line when it begins, one in each minute, and one when it
// ends.
// Many places of a node notice the same outage. They share its lines, and what follows from it is only counted.
import { type BriefError, briefError } from './brief-error.ts';

interface OutageFacts {
  /** The duration of the outage so far, or as a whole. */
  readonly seconds: number;
  /** Calls that failed because of the outage. */
  readonly failures: number;
  /** Calls that were not made because of the outage. */
  readonly skipped: number;
}

/** Writes the lines of an outage. The place that notices an outage first writes all of its lines. */
interface OutageLines {
  began(facts: { readonly err: BriefError }): void;
  lasts(facts: OutageFacts & { readonly err: BriefError }): void;
  ended(facts: OutageFacts): void;
}

/** One place that notices outages of a part. */
export interface Outage {
  /** Counts a failure. The first one begins the outage. */
  failed(error: unknown): void;
  /** Counts a failure of an outage that is under way, and that this place does not notice itself. */
  counted(error: unknown): void;
  /** Counts a call that was not made because of the outage. */
  skipped(): void;
  /** Ends the outage for this place. The outage is over when all places that noticed it have called this. */
  recovered(): void;
  /** Returns true while any place has noticed an outage of the part. */
  isUnderWay(): boolean;
  /** Forgets the outage for this place, without a line. Later failures are ignored. The owner must call it. */
  close(): void;
}

export interface OutagePlace {
  /** The name of the part, such as `index`, or of one of several, such as `upstream docker.io`. */
  readonly part: string;
  readonly lines: OutageLines;
  /** Returns true for the fields of a log line that only reports a consequence of the outage. */
  readonly explains?: ((fields: object) => boolean) | undefined;
}

export interface Outages {
  /** The caller closes the result. */
  watch(place: OutagePlace): Outage;
  /** Returns true if an outage under way explains a log line with these fields, and counts the line as a failure. */
  explain(fields: unknown): boolean;
}

interface OutageState {
  readonly places: Set<Outage>;
  readonly place: OutagePlace;
  readonly beganAt: number;
  readonly timer: NodeJS.Timeout;
  failures: number;
  skipped: number;
  error: unknown;
}

const lineEveryMs = 60_000;

export function createOutages(): Outages {
  const underWay = new Map<string, OutageState>();

  function begin(outage: Outage, place: OutagePlace, error: unknown): OutageState {
    place.lines.began({ err: briefError(error) });
    const timer = setInterval(() => {
      place.lines.lasts({ ...factsOf(state), err: briefError(state.error) });
    }, lineEveryMs).unref();
    const places = new Set([outage]);
    const state: OutageState = { places, place, beganAt: performance.now(), timer, failures: 0, skipped: 0, error };
    underWay.set(place.part, state);
    return state;
  }

  /** Returns the state if the outage is over. */
  function leave(outage: Outage, { part }: OutagePlace): OutageState | undefined {
    const state = underWay.get(part);
    if (state === undefined || !state.places.delete(outage) || state.places.size > 0) return undefined;
    clearInterval(state.timer);
    underWay.delete(part);
    return state;
  }

  return {
    watch(place) {
      let isClosed = false;
      const outage: Outage = {
        failed(error) {
          if (isClosed) return;
          const state = underWay.get(place.part) ?? begin(outage, place, error);
          state.places.add(outage);
          state.failures += 1;
          state.error = error;
        },
        counted(error) {
          const state = underWay.get(place.part);
          if (state === undefined) return;
          state.failures += 1;
          state.error = error;
        },
        skipped() {
          const state = underWay.get(place.part);
          if (state !== undefined) state.skipped += 1;
        },
        recovered() {
          const state = leave(outage, place);
          state?.place.lines.ended(factsOf(state));
        },
        isUnderWay: () => underWay.has(place.part),
        close() {
          isClosed = true;
          leave(outage, place);
        },
      };
      return outage;
    },
    explain(fields) {
      if (underWay.size === 0 || typeof fields !== 'object' || fields === null) return false;
      for (const state of underWay.values())
        if (state.place.explains?.(fields) === true) {
          state.failures += 1;
          return true;
        }
      return false;
    },
  };
}

function factsOf({ beganAt, failures, skipped }: OutageState): OutageFacts {
  return { seconds: Math.round((performance.now() - beganAt) / 1000), failures, skipped };
}

/** A log that knows the outages of its node. All loggers of `createLogger` do. */
export interface LogWithOutages {
  readonly outages?: Outages | undefined;
}

/** Returns the outages that all users of this log share. A log without them, as in a test, has those of one place only. */
export function watchOutage(log: LogWithOutages, place: OutagePlace): Outage {
  return (log.outages ?? createOutages()).watch(place);
}

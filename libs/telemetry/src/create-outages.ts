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

/** Writes the lines of an outage. A place that has noticed the outage, and has not recovered yet, writes each of them. */
interface OutageLines {
  began(facts: { readonly err: BriefError }): void;
  lasts(facts: OutageFacts & { readonly err: BriefError }): void;
  ended(facts: OutageFacts): void;
}

/** One place that notices outages of a part. */
export interface Outage {
  /** Counts a failure. The first one begins the outage. */
  failed(error: unknown): void;
  /** Counts a failure that this place does not notice itself. Returns false if no outage is under way. */
  counted(error: unknown): boolean;
  /** Counts a call that was not made because of the outage. */
  skipped(): void;
  /** Ends the outage for this place. The outage is over when all places that noticed it have called this. */
  recovered(): void;
  /** Forgets the outage for this place, without a line. Later failures are ignored. The owner must call it. */
  close(): void;
}

export interface OutagePlace {
  /** The name of the part, such as `index`, or of one of several, such as `upstream docker.io`. */
  readonly part: string;
  readonly lines: OutageLines;
  /** Returns true for an error that is a consequence of the outage. It is called for the error of a line and its causes. */
  readonly explains?: ((error: Error) => boolean) | undefined;
}

export interface Outages {
  /** The caller closes the result. */
  watch(place: OutagePlace): Outage;
  /** Returns true if an outage under way explains the error of a line with these fields: its `err`, or a cause of that. */
  explains(fields: unknown): boolean;
  /** Like `explains`. Also counts the line as a failure. */
  countExplained(fields: unknown): boolean;
}

interface OutageState {
  /** The places that have noticed the outage and have not recovered yet. There is at least one. */
  readonly places: Map<Outage, OutagePlace>;
  readonly beganAt: number;
  readonly timer: NodeJS.Timeout;
  failures: number;
  skipped: number;
  error: unknown;
}

const lineEveryMs = 60_000;
const maxCauses = 6;

export function createOutages(): Outages {
  const underWay = new Map<string, OutageState>();

  function begin(outage: Outage, place: OutagePlace, error: unknown): OutageState {
    place.lines.began({ err: briefError(error) });
    const timer = setInterval(() => {
      const [noticedAt = place] = state.places.values();
      noticedAt.lines.lasts({ ...factsOf(state), err: briefError(state.error) });
    }, lineEveryMs).unref();
    const places = new Map([[outage, place]]);
    const state: OutageState = { places, beganAt: performance.now(), timer, failures: 0, skipped: 0, error };
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

  function findExplaining(fields: unknown): OutageState | undefined {
    if (underWay.size === 0 || typeof fields !== 'object' || fields === null) return undefined;
    let error = 'err' in fields ? fields.err : undefined;
    for (let causes = 0; error instanceof Error && causes < maxCauses; causes += 1) {
      for (const state of underWay.values())
        for (const { explains } of state.places.values()) if (explains?.(error) === true) return state;
      error = error.cause;
    }
    return undefined;
  }

  return {
    watch(place) {
      let isClosed = false;
      const outage: Outage = {
        failed(error) {
          if (isClosed) return;
          const state = underWay.get(place.part) ?? begin(outage, place, error);
          state.places.set(outage, place);
          state.failures += 1;
          state.error = error;
        },
        counted(error) {
          const state = underWay.get(place.part);
          if (state === undefined) return false;
          state.failures += 1;
          state.error = error;
          return true;
        },
        skipped() {
          const state = underWay.get(place.part);
          if (state !== undefined) state.skipped += 1;
        },
        recovered() {
          const state = leave(outage, place);
          if (state !== undefined) place.lines.ended(factsOf(state));
        },
        close() {
          isClosed = true;
          leave(outage, place);
        },
      };
      return outage;
    },
    explains: (fields) => findExplaining(fields) !== undefined,
    countExplained(fields) {
      const state = findExplaining(fields);
      if (state !== undefined) state.failures += 1;
      return state !== undefined;
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

/**
 * Returns the same log for messages that are written only once: when a state begins, or once in a long time. An outage does not
 * lower their level to `debug`, because they would be lost.
 */
export function neverDemoted<L extends object>(log: L): L {
  return Object.create(log, { outages: { value: undefined } }) as L;
}

/** Returns true if an outage under way explains a line with these fields, so that `log` writes it at `debug`. */
export function isExplained({ outages }: LogWithOutages, fields: object): boolean {
  return outages?.explains(fields) === true;
}

/** Returns the outages that all users of this log share. A log without them, as in a test, has those of one place only. */
export function watchOutage(log: LogWithOutages, place: OutagePlace): Outage {
  return (log.outages ?? createOutages()).watch(place);
}

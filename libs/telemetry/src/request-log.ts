// Writes one line for each request that has ended: for people, as JSON, or in the combined log format. The line of an ordinary
// success does not pass through pino's general serialiser, because that takes much of the time of a manifest in memory.
import { pino } from 'pino';
import { formatAccessLogLine } from './access-log-line.ts';
import { neverDemoted } from './create-outages.ts';
import type { LineWriter } from './line-writer.ts';
import type { Logger } from './logger.ts';
import type { RequestFacts } from './request-facts.ts';
import { fullRequestLine, requestEnded, shortRequestLine } from './request-line.ts';

/** The internals of a pino logger that are used here. pino exports their symbols. */
interface PinoParts {
  readonly [pino.symbols.streamSym]: LineWriter;
  /** The fields of every line, as JSON that begins with a comma. */
  readonly [pino.symbols.chindingsSym]: string;
}

export interface RequestLogOptions {
  /**
   * Writes a line in the combined log format. The line has no line break. Unset means that requests are written to the log. If
   * it is set, the log has only the requests at `warn` and `error`, and at level `debug` each request.
   */
  readonly accessLog?: ((line: string) => void) | undefined;
  /** The percentage of hits that are written, from 0 to 100. Other requests are always written. Default: 100. */
  readonly hitsPercent?: number | undefined;
}

export type RequestLog = (facts: RequestFacts, level: 'info' | 'warn' | 'error', failure?: unknown) => void;

/**
 * Returns a function that writes the line of a request. `failure` is the error that ended the request. A failed request is
 * written with all of its facts, and so is every request at level `debug`. `logger` must be one of `createLogger`, or a child
 * of such a logger.
 */
export function createRequestLog(logger: Logger, { accessLog, hitsPercent = 100 }: RequestLogOptions = {}): RequestLog {
  const { [pino.symbols.streamSym]: writer, [pino.symbols.chindingsSym]: bindings } = logger as unknown as PinoParts;
  const clock = createIsoClock();
  const isSampled = createSampler(hitsPercent);
  const hits = hitsPercent < 100 ? `${hitsPercent}%` : undefined;
  // Requests are not counted in the lines of an outage. Inherits the level, which a reload can change.
  const log = neverDemoted(logger);
  return (facts, level, failure) => {
    const isHit = level === 'info' && facts.cache === 'HIT' && facts.status < 400 && !facts.aborted;
    if (isHit && !isSampled()) return;
    if (accessLog !== undefined) {
      accessLog(formatAccessLogLine(facts));
      if (level === 'info') {
        if (log.isLevelEnabled('debug')) log.debug(fullRequestLine(facts, failure), requestEnded);
        return;
      }
    }
    if (!log.isLevelEnabled(level)) return;
    const isShort = level === 'info' && !needsExplanation(facts) && !log.isLevelEnabled('debug');
    const line = isShort ? shortRequestLine(facts) : fullRequestLine(facts, failure);
    if (isHit) line.hits = hits;
    // Labels are the only fields of a short line that may contain secrets.
    if (!isShort || facts.labels !== undefined) log[level](line, requestEnded);
    else writer.writeRequest(line, { time: clock(Date.now()), bindings });
  };
}

/** Returns false for a success, and for the 401 with which every client of a cache with users starts. */
function needsExplanation({ status, denied }: RequestFacts): boolean {
  return status >= 400 ? status !== 401 || denied !== undefined : status === 0;
}

/** Returns a function that returns true for `percent` of its calls, evenly distributed, beginning with the first one. */
function createSampler(percent: number): () => boolean {
  let credit = 100 - percent;
  return () => {
    credit += percent;
    if (credit < 100) return false;
    credit -= 100;
    return percent > 0;
  };
}

/**
 * Returns a function that formats times in ISO form for the log. It formats all but the milliseconds only once per second,
 * because that is slow.
 */
function createIsoClock(): (atMs: number) => string {
  let second = Number.NaN;
  let shown = '';
  return (atMs) => {
    const ms = atMs % 1000;
    if (atMs - ms !== second) {
      second = atMs - ms;
      shown = new Date(second).toISOString().slice(0, 20);
    }
    return `${shown}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
  };
}

// Records every request, so that "200 clients, 1 upstream GET" is an assertion.
// real-time: records when requests arrive, and gives up waiting for them after a limit
import type { IncomingHttpHeaders } from 'node:http';
import { matches, type RequestMatcher } from './request-matcher.ts';
import type { Target } from './target.ts';

/** A live record: `status`, `bytesSent`, `outcome` and `endedAtMs` change while the response is sent. */
interface RecordedRequest extends Target {
  /** The headers without `authorization`. Only its presence and its scheme, in lower case, are kept. */
  readonly headers: IncomingHttpHeaders;
  readonly authorized: boolean;
  readonly authorizationScheme?: string;
  /** The Range header as received. */
  readonly range?: string;
  readonly startedAtMs: number;
  /** 0 until the response headers are sent. */
  status: number;
  /** Number of body bytes that the kernel has taken. */
  bytesSent: number;
  /** `aborted` means that the connection ended before the response was complete, no matter which side ended it. */
  outcome: 'open' | 'finished' | 'aborted';
  endedAtMs?: number;
}

interface RequestFilter extends RequestMatcher {
  readonly status?: number;
  readonly outcome?: RecordedRequest['outcome'];
  readonly authorized?: boolean;
  /** Whether the request had a Range header. */
  readonly ranged?: boolean;
}

export interface Recorder {
  /** Returns the requests in order of arrival. */
  requests(filter?: RequestFilter): RecordedRequest[];
  count(filter?: RequestFilter): number;
  /** Returns the body bytes sent for one digest, over all requests and hosts. */
  bytesSent(digest: string): number;
  /** Forgets all requests so far. */
  reset(): void;
  /**
   * Resolves with the matching requests once there are at least `count` (default 1). Rejects after `timeoutMs` (default
   * 10 s) with a list of the requests that arrived instead.
   */
  waitForRequests(filter: RequestFilter, count?: number, timeoutMs?: number): Promise<RecordedRequest[]>;
}

export interface RecorderInput {
  begin(target: Target, headers: IncomingHttpHeaders): RecordedRequest;
  /** Must be called after every change of a record. */
  changed(): void;
}

export function createRecorder(): Recorder & RecorderInput {
  let records: RecordedRequest[] = [];
  const waiting = new Set<() => void>();

  const requests = (filter: RequestFilter = {}) => records.filter((record) => passes(filter, record));
  const changed = () => {
    for (const check of waiting) check();
  };

  return {
    requests,
    count: (filter) => requests(filter).length,
    bytesSent: (digest) => requests({ digest }).reduce((total, { bytesSent }) => total + bytesSent, 0),
    reset: () => {
      records = [];
    },
    waitForRequests: (filter, count = 1, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        const check = () => {
          const found = requests(filter);
          if (found.length < count) return;
          waiting.delete(check);
          clearTimeout(timer);
          resolve(found);
        };
        const timer = setTimeout(() => {
          waiting.delete(check);
          const seen = records.map((record) => `  ${record.method} ${record.path} ${record.status} ${record.outcome}`);
          reject(new Error(`no ${count} matching requests arrived within ${timeoutMs} ms, but:\n${seen.join('\n')}`));
        }, timeoutMs);
        waiting.add(check);
        check();
      }),
    begin(target, { authorization, ...headers }) {
      const record: RecordedRequest = {
        ...target,
        headers,
        authorized: authorization !== undefined,
        ...(authorization === undefined ? {} : { authorizationScheme: authorization.split(' ')[0]!.toLowerCase() }),
        ...(headers.range === undefined ? {} : { range: headers.range }),
        startedAtMs: Date.now(),
        status: 0,
        bytesSent: 0,
        outcome: 'open',
      };
      records.push(record);
      changed();
      return record;
    },
    changed,
  };
}

function passes(filter: RequestFilter, record: RecordedRequest): boolean {
  return (
    matches(filter, record) &&
    (filter.status === undefined || filter.status === record.status) &&
    (filter.outcome === undefined || filter.outcome === record.outcome) &&
    (filter.authorized === undefined || filter.authorized === record.authorized) &&
    (filter.ranged === undefined || filter.ranged === (record.range !== undefined))
  );
}

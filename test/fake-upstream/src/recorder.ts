// Every request that arrived, so that "200 clients, 1 upstream GET" is an assertion.
// real-time: records when requests arrive, and gives up waiting for them after a limit
import type { IncomingHttpHeaders } from 'node:http';
import { matches, type RequestMatcher } from './request-matcher.ts';
import type { Target } from './target.ts';

/** Live: `status`, `bytesSent`, `outcome` and `endedAtMs` change while the request is being answered. */
interface RecordedRequest extends Target {
  /** Without `authorization`, of which only this is kept: was there one, and its scheme in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly authorized: boolean;
  readonly authorizationScheme?: string;
  /** The Range header as it came. */
  readonly range?: string;
  readonly startedAtMs: number;
  /** 0 until the answer's headers are sent. */
  status: number;
  /** Body bytes that the kernel has taken. */
  bytesSent: number;
  /** `aborted`: the connection went before the answer was complete, whoever ended it. */
  outcome: 'open' | 'finished' | 'aborted';
  endedAtMs?: number;
}

interface RequestFilter extends RequestMatcher {
  readonly status?: number;
  readonly outcome?: RecordedRequest['outcome'];
  readonly authorized?: boolean;
  /** Whether there was a Range header. */
  readonly ranged?: boolean;
}

export interface Recorder {
  /** In order of arrival. */
  requests(filter?: RequestFilter): RecordedRequest[];
  count(filter?: RequestFilter): number;
  /** Body bytes of one digest, over all requests for it, at whatever host. */
  bytesSent(digest: string): number;
  /** Forgets every request so far. */
  reset(): void;
  /**
   * Resolves with the matching requests once there are at least `count` (default 1). Rejects after `timeoutMs` (default
   * 10 s) with a list of what came instead.
   */
  waitForRequests(filter: RequestFilter, count?: number, timeoutMs?: number): Promise<RecordedRequest[]>;
}

export interface RecorderInput {
  begin(target: Target, headers: IncomingHttpHeaders): RecordedRequest;
  /** To be called after every change of a record. */
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
          reject(new Error(`no ${count} matching requests came within ${timeoutMs} ms, but:\n${seen.join('\n')}`));
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

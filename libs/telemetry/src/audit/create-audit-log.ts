// The audit log: rejected requests with the reason, issued tokens, and actions of operators. It is a separate file, because it is
// often kept longer than other logs, and has a JSON object per line. Once a minute, the usage of each client and upstream is also
// written to it.
import { redactUrl } from '../redact.ts';
import type { RequestAudit, RequestFacts } from '../request-facts.ts';

export interface AuditLog extends RequestAudit {
  count(facts: RequestFacts): void;
  /** Records an action of an operator. */
  action(action: OperatorAction): void;
  /** Writes the usage that has not been written yet. */
  close(): void;
}

export interface OperatorAction {
  /** The name of the operator, or the operator's address if the name is unknown. */
  readonly by: string;
  readonly address?: string | undefined;
  /** The request or the command, such as `POST /v1/prewarm` or `cistern token revoke`. */
  readonly command: string;
  /** Its parameters, without secrets. */
  readonly parameters?: unknown;
  /** The HTTP status of the response. */
  readonly status?: number;
}

export interface AuditLogOptions {
  /** Writes a line. The line has no line break. */
  readonly write: (line: string) => void;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
}

const usageEveryMs = 60_000;

/** The caller closes it. */
export function createAuditLog({ write, now }: AuditLogOptions): AuditLog {
  const writeEvent = (event: string, fields: object) =>
    write(JSON.stringify({ time: new Date(now()).toISOString(), event, ...fields }));
  const usage = createUsage((entry) => writeEvent('usage', entry));
  const timer = setInterval(usage.flush, usageEveryMs).unref();
  return {
    count: usage.count,
    request(event, facts) {
      const { user, labels, clientIp, requestId, upstream, repository, reference, denied, status, method, url } = facts;
      writeEvent(event, {
        user,
        labels,
        address: clientIp,
        requestId,
        upstream,
        repository,
        reference,
        why: denied,
        status,
        method,
        url: redactUrl(url),
      });
    },
    // These fields keep the names that they have had since 0.1.0, because other programs parse the file.
    action: ({ by, address, command: what, parameters: wish, status }) =>
      writeEvent('asked', { by, address, what, wish, status }),
    close() {
      clearInterval(timer);
      usage.flush();
    },
  };
}

interface UsageEntry {
  user?: string | undefined;
  /** The address of a client whose user is unknown. Unset if `user` is set. */
  address?: string | undefined;
  upstream: string;
  requests: number;
  bytes: number;
  /** Requests that were cache misses. */
  misses: number;
}

/** When there are this many entries, all of them are written immediately. */
const maxEntries = 10_000;

/**
 * Sums the usage by user (or address, if the user is unknown) and upstream. `flush` writes all entries, and then removes them.
 */
function createUsage(write: (entry: UsageEntry) => void) {
  const counts = new Map<string, UsageEntry>();
  function flush(): void {
    for (const entry of counts.values()) write(entry);
    counts.clear();
  }
  return {
    flush,
    count({ user, clientIp, upstream, bytesSent, cache, status }: RequestFacts): void {
      if (upstream === undefined || status >= 400 || status === 0) return;
      const client = user === undefined ? { address: clientIp } : { user };
      const key = JSON.stringify([client, upstream]);
      const entry = counts.get(key) ?? { ...client, upstream, requests: 0, bytes: 0, misses: 0 };
      entry.requests += 1;
      entry.bytes += bytesSent;
      if (cache === 'MISS') entry.misses += 1;
      counts.set(key, entry);
      if (counts.size >= maxEntries) flush();
    },
  };
}

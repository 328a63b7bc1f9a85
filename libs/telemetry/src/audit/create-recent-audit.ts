// Collects audit entries and writes them to a list that all nodes share. It writes in the background, so no request waits for it.
// However many requests are rejected, each node writes only a few entries a second for them, after a first burst (decision 0041).
// Entries are small and contain no secrets.
import type { AuditMetrics } from '../metrics/cache-metrics.ts';
import type { AuditLog, OperatorAction } from './create-audit-log.ts';
import type { RequestEvent, RequestFacts } from '../request-facts.ts';

export interface RecentEntry {
  /** The node's time, in milliseconds since 1970. */
  readonly at: number;
  readonly event: 'asked' | Exclude<RequestEvent, 'token-given'>;
  /** The node that got the request: its host name, and the port or path that it listens on. */
  readonly node: string;
  /** The authenticated user; `null` if the name is unknown. */
  readonly user: string | null;
  readonly address: string | null;
  /** Method and path, such as `POST /v1/purge` or `GET /v2/library/app/manifests/1`. */
  readonly what: string;
  /** The details of an action in JSON, or the reason of a refusal, if it is known. */
  readonly about: string | null;
  /** The HTTP status of the response. */
  readonly status: number | null;
}

export interface RecentAuditOptions {
  /** The name of this node. */
  readonly node: string;
  /** Stores the entries. If it rejects, its entries are lost, and counted in the metrics. */
  readonly keep: (kind: 'action' | 'refusal', entries: readonly string[]) => Promise<void>;
  readonly metrics: AuditMetrics;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
}

export interface RecentAudit extends Pick<AuditLog, 'request' | 'action'> {
  /** Writes the remaining entries. Never rejects. */
  close(): Promise<void>;
}

const flushAfterMs = 500;
/** The number of refusals that a node records at once, and per second afterwards. */
const [refusalsAtOnce, refusalsPerSecond] = [50, 5];
/** The most entries of each kind that wait to be written. */
const maxPending = 100;

/** The caller closes the result. */
export function createRecentAudit({ node, keep, metrics, now }: RecentAuditOptions): RecentAudit {
  const pending = { action: [] as string[], refusal: [] as string[] };
  let refusalsLeft = refusalsAtOnce;
  let countedAtMs = now();
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();

  function mayAddRefusal(): boolean {
    const elapsedMs = Math.max(0, now() - countedAtMs);
    countedAtMs = now();
    refusalsLeft = Math.min(refusalsAtOnce, refusalsLeft + (elapsedMs * refusalsPerSecond) / 1000);
    if (refusalsLeft < 1) return false;
    refusalsLeft -= 1;
    return true;
  }

  function add(kind: 'action' | 'refusal', makeEntry: () => RecentEntry): void {
    if (kind === 'refusal' && !mayAddRefusal()) return metrics.auditEntriesDropped.inc({ reason: 'rate' });
    if (pending[kind].length >= maxPending) return metrics.auditEntriesDropped.inc({ reason: 'index' });
    pending[kind].push(JSON.stringify({ schema: 1, ...makeEntry() }));
    schedule();
  }

  async function write(): Promise<void> {
    for (const kind of ['action', 'refusal'] as const) {
      const entries = pending[kind].splice(0);
      if (entries.length > 0)
        await keep(kind, entries).catch(() => metrics.auditEntriesDropped.inc({ reason: 'index' }, entries.length));
    }
  }

  /** Writes the waiting entries. Schedules the next flush only after this one, so that entries keep their order. */
  async function flush(): Promise<void> {
    await write();
    timer = undefined;
    if (pending.action.length + pending.refusal.length > 0) schedule();
  }

  function schedule(): void {
    timer ??= setTimeout(() => {
      writing = flush();
    }, flushAfterMs).unref();
  }

  return {
    request(event, facts) {
      if (event !== 'token-given') add('refusal', () => entryOfRequest(now(), node, event, facts));
    },
    action(action) {
      const entry = entryOfAction(now(), node, action);
      add(entry.event === 'asked' ? 'action' : 'refusal', () => entry);
    },
    async close() {
      clearTimeout(timer);
      await writing;
      clearTimeout(timer);
      await write();
    },
  };
}

/** The events for requests that the admin server rejected, by HTTP status. */
const refusals = new Map<number | undefined, RecentEntry['event']>([
  [401, 'refused'],
  [403, 'denied'],
  [429, 'limited'],
]);

const [maxName, maxWhat, maxAbout] = [120, 300, 1000];

/** Returns the entry for an action of an operator, or for a rejected caller. */
function entryOfAction(
  at: number,
  node: string,
  { by, address, command, parameters, status }: OperatorAction,
): RecentEntry {
  return {
    at,
    event: refusals.get(status) ?? 'asked',
    node: cut(node, maxName),
    user: by === address ? null : cut(by, maxName),
    address: orNull(address, maxName),
    what: cut(withoutQuery(command), maxWhat),
    about: parameters === undefined || parameters === null ? null : cut(JSON.stringify(parameters), maxAbout),
    status: status ?? null,
  };
}

function entryOfRequest(
  at: number,
  node: string,
  event: Exclude<RequestEvent, 'token-given'>,
  { user, clientIp, method, url, denied, status }: RequestFacts,
): RecentEntry {
  return {
    at,
    event,
    node: cut(node, maxName),
    user: orNull(user, maxName),
    address: orNull(clientIp, maxName),
    what: cut(`${method} ${withoutQuery(url)}`, maxWhat),
    about: orNull(denied, maxAbout),
    status: status === 0 ? null : status,
  };
}

/** Returns `undefined` if the entry is invalid, or if its schema is of another release. */
export function parseRecentEntry(text: string): RecentEntry | undefined {
  try {
    const { schema, ...entry } = JSON.parse(text) as RecentEntry & { readonly schema: number };
    return schema === 1 ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Removes the query, which may contain signatures and tokens. */
function withoutQuery(url: string): string {
  return url.replace(/\?.*$/s, '');
}

function orNull(text: string | undefined, max: number): string | null {
  return text === undefined || text === '' ? null : cut(text, max);
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).toWellFormed()}…`;
}

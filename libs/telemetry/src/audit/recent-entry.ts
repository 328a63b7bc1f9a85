// An entry of what happened of late, as nodes write it and whoever lists it reads it: small, and without what might be secret.
import type { RequestFacts } from '../request-facts.ts';
import type { RequestEvent } from './audit-event.ts';
import type { OperatorWish } from './create-audit-log.ts';

export interface RecentEntry {
  /** Of the node, in milliseconds since 1970. */
  readonly at: number;
  readonly event: 'asked' | Exclude<RequestEvent, 'token-given'>;
  /** Whom it was told: a machine and where it listens. */
  readonly node: string;
  /** Who was let in; `null`: nobody. */
  readonly user: string | null;
  readonly address: string | null;
  /** `POST /v1/purge`, `GET /v2/library/app/manifests/1`. */
  readonly what: string;
  /** Of what operators asked for, its particulars in JSON; of who was turned away the reason, if it is known. */
  readonly about: string | null;
  /** Of the answer by HTTP. */
  readonly status: number | null;
}

/** Of the admin server. */
const refusals = new Map<number | undefined, RecentEntry['event']>([
  [401, 'refused'],
  [403, 'denied'],
  [429, 'limited'],
]);

const [maxName, maxWhat, maxAbout] = [120, 300, 1000];

/** An operator, or somebody who was none. */
export function entryOfWish(at: number, node: string, { by, address, what, wish, status }: OperatorWish): RecentEntry {
  return {
    at,
    event: refusals.get(status) ?? 'asked',
    node: cut(node, maxName),
    user: by === address ? null : cut(by, maxName),
    address: orNull(address, maxName),
    what: cut(withoutQuery(what), maxWhat),
    about: wish === undefined || wish === null ? null : cut(JSON.stringify(wish), maxAbout),
    status: status ?? null,
  };
}

export function entryOfRequest(
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

/** `undefined`: of a release that writes another form. */
export function parseRecentEntry(text: string): RecentEntry | undefined {
  try {
    const { schema, ...entry } = JSON.parse(text) as RecentEntry & { readonly schema: number };
    return schema === 1 ? entry : undefined;
  } catch {
    return undefined;
  }
}

export function formatRecentEntry(entry: RecentEntry): string {
  return JSON.stringify({ schema: 1, ...entry });
}

/** Signatures and tokens stand in queries. */
function withoutQuery(url: string): string {
  return url.replace(/\?.*$/s, '');
}

function orNull(text: string | undefined, max: number): string | null {
  return text === undefined || text === '' ? null : cut(text, max);
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).toWellFormed()}…`;
}

// One page of a sorted list, with the Link header (RFC 8288) to the next page.
import type { Target } from '../target.ts';

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly link: { link?: string };
}

/**
 * `sorted` is sorted by `key`. The page has the items after the query's `last`, at most `n` and at most `maxPerPage`.
 */
export function page<T>(
  sorted: readonly T[],
  key: (item: T) => string,
  { path, query }: Target,
  maxPerPage: number,
): ListPage<T> {
  const { last, n, ...others } = query;
  const rest = last === undefined ? sorted : sorted.filter((item) => key(item) > last);
  const limit = Math.min(n === undefined ? Number.POSITIVE_INFINITY : Number(n), maxPerPage);
  const items = rest.slice(0, limit);
  const final = items.at(-1);
  if (final === undefined || items.length === rest.length) return { items, link: {} };
  const next = new URLSearchParams({ ...others, last: key(final), n: String(limit) });
  return { items, link: { link: `<${path}?${next.toString()}>; rel="next"` } };
}

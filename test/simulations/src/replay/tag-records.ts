// What the cache knows of tags, by its own rules of freshness: a client is served what a record names, and asking upstream
// makes the record right.
import { loadConfig } from '@cistern/config';
import { createFreshnessPolicies, freshnessOf } from '@cistern/pull-through';
import { indexAbove } from '../chance.ts';
import type { CatalogueTag, TagVersion } from './catalogue.ts';

export interface TagRecords {
  /** What a client gets now; `moved`: upstream was asked, and names another version than before. */
  resolve(tag: CatalogueTag, nowMs: number): { readonly version: TagVersion; readonly moved: boolean };
  /** Asks upstream where the tag is now. True if it has moved. */
  confirm(tag: CatalogueTag, nowMs: number): boolean;
  version(tag: CatalogueTag): TagVersion | undefined;
  /** When upstream last confirmed it; `undefined`: never. */
  checkedAtMs(tag: CatalogueTag): number | undefined;
  /** How often upstream was asked. */
  heads(): number;
}

interface TagRecord {
  readonly version: number;
  readonly checkedAtMs: number;
}

export const upstream = 'docker.io';

export function createTagRecords(): TagRecords {
  const { upstreams } = loadConfig({ path: undefined, env: {}, defaults: { rootDirectory: '/' } });
  const policyOf = createFreshnessPolicies(upstreams);
  const records = new Map<CatalogueTag, TagRecord>();
  const times = new Map<CatalogueTag, readonly number[]>();
  let heads = 0;

  function confirm(tag: CatalogueTag, nowMs: number): boolean {
    heads += 1;
    const fromMs = times.get(tag) ?? tag.versions.map((version) => version.fromMs);
    times.set(tag, fromMs);
    const before = records.get(tag);
    const version = indexAbove(fromMs, nowMs) - 1;
    records.set(tag, { version, checkedAtMs: nowMs });
    return before !== undefined && before.version !== version;
  }

  return {
    confirm,
    resolve(tag, nowMs) {
      const before = records.get(tag);
      const known = before && ({ ...before, origin: 'upstream', lastTriedAtMs: before.checkedAtMs } as const);
      const freshness = known && freshnessOf(known, policyOf(upstream, tag.tag), { nowMs });
      const moved = freshness !== 'fresh' && confirm(tag, nowMs);
      const served = freshness === 'revalidate-behind' ? before! : records.get(tag)!;
      return { version: tag.versions[served.version]!, moved };
    },
    version: (tag) => tag.versions[records.get(tag)?.version ?? -1],
    checkedAtMs: (tag) => records.get(tag)?.checkedAtMs,
    heads: () => heads,
  };
}

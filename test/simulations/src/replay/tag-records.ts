// The cache's records of tags, under its own freshness rules. A client receives the version in the record, and a
// request to the upstream corrects the record.
import { loadConfig } from '@cistern/config';
import { createFreshnessPolicies, freshnessOf } from '@cistern/pull-through';
import { indexAbove } from '../chance.ts';
import type { CatalogueTag, TagVersion } from './catalogue.ts';

export interface TagRecords {
  /**
   * Returns the version that a client receives now. `moved` means that the upstream was queried and names another
   * version than before.
   */
  resolve(tag: CatalogueTag, nowMs: number): { readonly version: TagVersion; readonly moved: boolean };
  /** Queries the upstream for the tag. Returns true if the tag has moved. */
  confirm(tag: CatalogueTag, nowMs: number): boolean;
  version(tag: CatalogueTag): TagVersion | undefined;
  /** Time of the last confirmation by the upstream. Undefined means never. */
  checkedAtMs(tag: CatalogueTag): number | undefined;
  /** The number of requests to the upstream. */
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

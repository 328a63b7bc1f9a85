// What evicts, and what tells what would be evicted, by one configuration.
import type { BlobStore } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import type { AgeLimits } from './choose-aged.ts';
import { createReadLimits, type ReadLimits } from './eviction-limits.ts';
import type { Logger } from '@cistern/telemetry';

export interface EvictionSettings {
  readonly readLimits: ReadLimits;
  readonly ageLimits: AgeLimits;
  readonly spareMs: number;
}

export function evictionSettings(
  { storageLimits, storageRedirect, upstreams }: Pick<Config, 'storageLimits' | 'storageRedirect' | 'upstreams'>,
  deps: { readonly store: BlobStore; readonly log: Logger },
): EvictionSettings {
  const limited = upstreams.filter(({ maxAgeMs }) => maxAgeMs !== Infinity);
  return {
    readLimits: createReadLimits(storageLimits, deps),
    ageLimits: new Map(limited.map(({ name, maxAgeMs }) => [name, maxAgeMs])),
    spareMs: storageRedirect?.expiresMs ?? 0,
  };
}

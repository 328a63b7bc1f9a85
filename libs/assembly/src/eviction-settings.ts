// What evicts, and what tells what would be evicted, by one configuration.
import type { Config } from '@cistern/config';
import type { AgeLimits, EvictionLimits } from '@cistern/pull-through';

export interface EvictionSettings {
  readonly limits: EvictionLimits;
  readonly ageLimits: AgeLimits;
  readonly spareMs: number;
}

const noLimits: EvictionLimits = { highBytes: Infinity, lowBytes: Infinity };

export function evictionSettings({
  storageLimits,
  storageRedirect,
  upstreams,
}: Pick<Config, 'storageLimits' | 'storageRedirect' | 'upstreams'>): EvictionSettings {
  const { highBytes, lowBytes }: EvictionLimits = storageLimits ?? noLimits;
  const limited = upstreams.filter(({ maxAgeMs }) => maxAgeMs !== Infinity);
  return {
    limits: { highBytes, lowBytes },
    ageLimits: new Map(limited.map(({ name, maxAgeMs }) => [name, maxAgeMs])),
    spareMs: storageRedirect?.expiresMs ?? 0,
  };
}

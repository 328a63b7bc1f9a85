// Shared values of a single process: they end with it.
import { LRUCache } from 'lru-cache';
import type { ValueIndex } from '../values.ts';
import type { InProcessOptions } from './in-process-options.ts';

const maxValues = 10_000;

export function createValueTable({ now, checkAvailable }: InProcessOptions): ValueIndex {
  /** Made when it is first needed, for it takes its room at once. */
  let values: LRUCache<string, string> | undefined;
  return {
    async get(name) {
      checkAvailable();
      return values?.get(name);
    },
    async put(name, value, ttlMs) {
      checkAvailable();
      values ??= new LRUCache({ max: maxValues, ttl: 1, ttlResolution: 0, perf: { now } });
      values.set(name, value, { ttl: Math.max(1, Math.ceil(ttlMs)) });
    },
    async remove(name) {
      checkAvailable();
      values?.delete(name);
    },
  };
}

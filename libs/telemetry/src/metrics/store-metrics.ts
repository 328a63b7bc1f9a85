// Failures of the blob store.
import { Counter, type Registry } from 'prom-client';

export interface StoreMetrics {
  /** `operation`: the method of the store's interface that failed. */
  readonly storeErrors: Counter<'operation'>;
}

const storeOperations = ['stat', 'open', 'read', 'begin', 'append', 'commit', 'adoptFile', 'remove', 'list'] as const;
const otherOperations = [
  'readObject',
  'writeObject',
  'removeObject',
  'listObjects',
  'presign',
  'sweepUploads',
  'check',
] as const;

export function createStoreMetrics(registry: Registry): StoreMetrics {
  const storeErrors = new Counter({
    name: 'cistern_store_errors_total',
    help: 'Operations of the blob store that failed; "not found" is no failure.',
    labelNames: ['operation'],
    registers: [registry],
  });
  for (const operation of [...storeOperations, ...otherOperations]) storeErrors.inc({ operation }, 0);
  return { storeErrors };
}

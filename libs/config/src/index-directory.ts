import { join } from 'node:path';
import type { Config } from './load-config.ts';

/** Where a single process has what is its alone; `undefined`: it has no directory. */
export function indexDirectory(storage: Config['storage']): string | undefined {
  if (storage.kind === 'memory') return undefined;
  return join(storage.kind === 'filesystem' ? storage.rootDirectory : storage.indexDirectory, 'cistern');
}

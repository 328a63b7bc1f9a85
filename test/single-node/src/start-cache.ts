// Runs `cistern serve` in the process of the test. Configuration, sockets and files are real; only the separate process
// is missing.
import { rm } from 'node:fs/promises';
import { type CisternConfiguration, type CisternPlace, prepareCistern } from '@cistern/test-servers';

export interface Cache extends CisternPlace {
  /** Returns the lines of the cache's log so far. */
  log(): string[];
  /** Stops the cache as SIGTERM would. Idempotent. */
  stop(): Promise<unknown>;
}

/** Resolves when the cache listens. The caller stops it. */
export async function startCache(options: CisternConfiguration): Promise<Cache> {
  const { directory, configFile, env, isSecure: _, ...place } = await prepareCistern(options);
  const remove = () => rm(directory, { recursive: true, force: true, maxRetries: 5 });
  try {
    // This module is imported only here, because many files that import this one never start a cache in their process.
    const { startNode } = await import('@cistern/cli/testing/start-node');
    const node = await startNode('serve', configFile, { ...process.env, ...env });
    return {
      ...place,
      log: node.log,
      async stop() {
        try {
          await node.stop();
        } finally {
          await remove();
        }
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

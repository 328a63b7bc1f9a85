// `cistern serve` in the process of the test: the same configuration, sockets and files without the start of a process.
import { rm } from 'node:fs/promises';
import { startNode } from '@cistern/cli/testing/start-node';
import { type CisternConfiguration, type CisternPlace, prepareCistern } from '@cistern/test-services';

export type CacheOptions = CisternConfiguration;

export interface Cache extends CisternPlace {
  /** Lines of its log so far. */
  log(): string[];
  /** As SIGTERM does. Idempotent. */
  stop(): Promise<unknown>;
}

/** Ready when it listens. The caller stops it. */
export async function startCache(options: CacheOptions): Promise<Cache> {
  const { directory, configFile, env, isSecure: _, ...place } = await prepareCistern(options);
  const remove = () => rm(directory, { recursive: true, force: true, maxRetries: 5 });
  try {
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

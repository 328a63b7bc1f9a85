// Runs `cistern serve` in the process of the test: with the same configuration, sockets and files, but without a new process.
import { rm } from 'node:fs/promises';
import { type CisternConfiguration, type CisternPlace, prepareCistern } from '@cistern/test-servers';

export interface Cache extends CisternPlace {
  /** Lines of its log so far. */
  log(): string[];
  /** Ends it as SIGTERM does. Idempotent. */
  stop(): Promise<unknown>;
}

/** Ready when it listens. The caller stops it. */
export async function startCache(options: CisternConfiguration): Promise<Cache> {
  const { directory, configFile, env, isSecure: _, ...place } = await prepareCistern(options);
  const remove = () => rm(directory, { recursive: true, force: true, maxRetries: 5 });
  try {
    // Others import this for upstreams and directories alone.
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

import type { Config } from '@cistern/config';
import type { Logger } from '@cistern/telemetry';
import { openStore } from './open-store.ts';
import { openRobotTokens, type RobotTokens, sealRobots } from '@cistern/auth';

/** With the store of a configuration, beside whatever runs on it. Rejects with `store-unavailable`. */
export async function withRobotTokens<T>(
  config: Config,
  log: Logger,
  action: (tokens: RobotTokens) => Promise<T>,
): Promise<T> {
  const store = await openStore(config, log);
  try {
    return await action(openRobotTokens(sealRobots(store, config)));
  } finally {
    await store.close();
  }
}

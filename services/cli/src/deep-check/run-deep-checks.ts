// Tries everything that a configuration names: files, directories, Redis, the bucket, upstreams, issuers, listeners and
// the clock.
import type { Config } from '@cistern/config';
import type { Environment } from '@cistern/runtime/process';
import { createLogger } from '@cistern/telemetry';
import { directoryChecks } from './check-directories.ts';
import { fileChecks } from './check-files.ts';
import { listenerChecks } from './check-listeners.ts';
import { serverChecks } from './check-servers.ts';
import { upstreamChecks } from './check-upstreams.ts';
import { type Finding, warn } from './finding.ts';

/**
 * Runs all checks at the same time, each with a time limit. Calls `report` in the order of the checks, as soon as the
 * earlier ones have ended. A failed check does not stop the others.
 */
export async function runDeepChecks(
  config: Config,
  env: Environment,
  report: (finding: Finding) => void,
): Promise<void> {
  // The findings have the reasons, so the parts log nothing.
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  for (const { path, message } of config.warnings) report(warn(path, message));
  const checks = [
    ...fileChecks(config, Date.now()),
    ...directoryChecks(config),
    ...listenerChecks(config),
    ...serverChecks(config, log),
    ...upstreamChecks(config, env),
  ];
  for (const findings of checks.map((check) => check())) for (const finding of await findings) report(finding);
}

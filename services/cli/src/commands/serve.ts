// `cistern serve`: the cache in one process, until it is told to stop.
import type { Config } from '@cistern/config';
import { buildStandalone, type Listening } from '@cistern/standalone';
import { createMetrics, type Logger } from '@cistern/telemetry';
import type { Command } from 'commander';
import { formatBanner } from '../banner.ts';
import { closeOnSignal } from '../close-on-signal.ts';
import { fail } from '../fail.ts';
import { openLog } from '../open-log.ts';
import { readConfig, type ConfigOptions } from '../read-config.ts';
import type { Terminal } from '../terminal.ts';
import { urlOf } from '../url-of.ts';
import { version } from '../version.ts';

export function addServe(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .argument('[file]', 'the configuration; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--addr <host:port>', 'where to listen, instead of http.addr (default ":5000")')
    .option('--data <directory>', 'where to keep the data, instead of storage.filesystem.rootdirectory')
    .description('Run the cache')
    .action((file: string | undefined, options: ConfigOptions) =>
      serve(file, options, terminal).catch((error: unknown) => fail(terminal, error)),
    );
}

async function serve(file: string | undefined, options: ConfigOptions, terminal: Terminal): Promise<void> {
  const { env } = terminal;
  const config = readConfig(file, env, options);
  const { log, accessLog } = openLog(config.log);
  for (const { path, message } of config.warnings) log.warn({ key: path }, message);
  const metrics = createMetrics({ upstreams: config.upstreams.map(({ name }) => name), version, processMetrics: true });
  const standalone = await buildStandalone(config, { log, metrics, env, accessLog, version });
  let listening: Listening;
  try {
    listening = await standalone.listen();
  } catch (error) {
    await standalone.close(0);
    throw error;
  }
  closeOnSignal({
    log,
    graceMs: config.http.drainTimeoutMs,
    async close(graceMs) {
      await standalone.close(graceMs);
      log.info('closed');
    },
  });
  announce(config, listening, log, terminal);
}

function announce(config: Config, { registry, debug }: Listening, log: Logger, { stderr }: Terminal): void {
  const url = urlOf(registry);
  const debugUrl = debug && urlOf(debug);
  if (config.log.formatter === 'text' || stderr.isTTY === true)
    stderr.write(formatBanner({ version, config, url, debugUrl }));
  log.info({ version, url, debugUrl, upstreams: config.upstreams.map(({ name }) => name) }, 'listening');
}

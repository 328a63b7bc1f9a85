// `cistern index rebuild`: the index anew from the store, which is the truth.
import type { RebuildProgress, RebuildResult } from '@cistern/maintenance';
import { prepareDirectories } from '@cistern/assembly';
import { createLogger, createMetrics } from '@cistern/telemetry';
import type { Command } from 'commander';
import { abortOnSignal } from '../terminal/abort-on-signal.ts';
import { CommandError } from '../terminal/command-error.ts';
import { fail } from '../terminal/fail.ts';
import { readConfig, type ConfigOptions } from '../node/read-config.ts';
import { showProgress } from '../terminal/show-progress.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addIndex(program: Command, terminal: Terminal): void {
  const index = program.command('index').description('Look after the index of what is cached');
  index
    .command('rebuild')
    .argument('[file]', 'the configuration; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'where the data is, instead of storage.filesystem.rootdirectory')
    .description(
      'Add to the index whatever it lacks of what is in the store. In a cluster while everything runs (workers do it by themselves when Redis has lost its data); a single node has to be stopped. It may be interrupted, and goes on when it is run again',
    )
    .action((file: string | undefined, options: Pick<ConfigOptions, 'data'>) =>
      rebuild(file, options, terminal).catch((error: unknown) => fail(terminal, error)),
    );
}

async function rebuild(file: string | undefined, options: ConfigOptions, terminal: Terminal): Promise<void> {
  const config = readConfig(file, terminal.env, options);
  await prepareDirectories(config);
  const { rebuildIndexOf } = await import('@cistern/assembly');
  const { formatter, fields } = config.log;
  const log = createLogger({ level: 'warn', formatter, fields, destination: terminal.stderr });
  const progress = showProgress(terminal, Date.now);
  const interrupt = abortOnSignal('Interrupted. What was added stays; run it again to go on.');
  let result: RebuildResult | undefined;
  try {
    const onProgress = (now: RebuildProgress) => progress.show(`${now.step}: ${describe(now)}`);
    result = await rebuildIndexOf(config, { log, metrics: createMetrics(), signal: interrupt.signal, onProgress });
  } finally {
    interrupt.dispose();
    progress.end();
  }
  if (result === undefined) throw new CommandError('Another process is rebuilding this index already.');
  if (!result.isComplete)
    throw new CommandError('The index lost data while it was rebuilt: see to Redis, then run this again.');
  terminal.stdout.write(`The index is complete: ${describe(result)}.\n`);
}

function describe({ blobs, blobsAdded, manifests, tags, tagsAdded }: RebuildProgress): string {
  return `${blobs} blobs (${blobsAdded} added), ${manifests} manifests, ${tags} tags (${tagsAdded} added)`;
}

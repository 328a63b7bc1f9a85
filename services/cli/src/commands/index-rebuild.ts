// `cistern index rebuild`: the index anew from the store, which is the truth.
import type { RebuildProgress } from '@cistern/maintenance';
import { rebuildIndexOf } from '@cistern/assembly';
import { createMetrics } from '@cistern/telemetry';
import type { Command } from 'commander';
import { CommandError } from '../terminal/command-error.ts';
import { readConfig, type ConfigOptions } from '../node/read-config.ts';
import { runOnData } from '../node/run-on-data.ts';
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
    .action((file: string | undefined, options: Pick<ConfigOptions, 'data'>) => rebuild(file, options, terminal));
}

async function rebuild(file: string | undefined, options: ConfigOptions, terminal: Terminal): Promise<void> {
  const config = readConfig(file, terminal.env, options);
  const frame = { level: 'warn', interrupted: 'Interrupted. What was added stays; run it again to go on.' } as const;
  const result = await runOnData(config, terminal, frame, ({ log, signal, showProgress }) => {
    const onProgress = (now: RebuildProgress) => showProgress(`${now.step}: ${describe(now)}`);
    return rebuildIndexOf(config, { log, metrics: createMetrics(), signal, onProgress });
  });
  if (!result.isComplete)
    throw new CommandError('The index lost data while it was rebuilt: see to Redis, then run this again.');
  terminal.stdout.write(`The index is complete: ${describe(result)}.\n`);
}

function describe({ blobs, blobsAdded, manifests, tags, tagsAdded, failed }: RebuildProgress): string {
  const unread = failed === 0 ? '' : `; ${failed} objects could not be read, see the log`;
  return `${blobs} blobs (${blobsAdded} added), ${manifests} manifests, ${tags} tags (${tagsAdded} added)${unread}`;
}

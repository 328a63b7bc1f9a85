// `cistern index rebuild` adds missing records to the index. It reads the store, which is the source of truth.
import type { RebuildProgress } from '@cistern/maintenance';
import { rebuildIndexOf } from '@cistern/assembly';
import { createMetrics } from '@cistern/telemetry';
import type { Command } from 'commander';
import { CommandError } from '../terminal/command-error.ts';
import { readConfig, type ConfigOptions } from '../node/read-config.ts';
import { runOnData } from '../node/run-on-data.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

type RebuildFlags = Pick<ConfigOptions, 'data'> & JsonOptions;

export function addIndex(program: Command, terminal: Terminal): void {
  const index = program.command('index').description('Maintain the index of the cache');
  addJson(index.command('rebuild'))
    .argument('[file]', 'configuration file; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'data directory, instead of storage.filesystem.rootdirectory')
    .description(
      'Add missing records to the index, from the content of the store. A cluster keeps running, and its workers do this automatically after Redis lost data; a single node must be stopped. An interrupted rebuild resumes when it is run again',
    )
    .action((file: string | undefined, options: RebuildFlags) => rebuild(file, options, terminal));
}

async function rebuild(file: string | undefined, options: RebuildFlags, terminal: Terminal): Promise<void> {
  const config = readConfig(file, terminal.env, options);
  const frame = {
    level: 'warn',
    interrupted: 'Interrupted. Added records are kept. Run the command again to resume.',
  } as const;
  const result = await runOnData(config, terminal, frame, ({ log, signal, showProgress }) => {
    const onProgress = (now: RebuildProgress) => showProgress(`${now.step}: ${describe(now)}`);
    return rebuildIndexOf(config, { log, metrics: createMetrics(), signal, onProgress });
  });
  if (!result.isComplete)
    throw new CommandError('The index lost data during the rebuild. Fix Redis, then run the command again.');
  printAnswer(terminal, options, result, () => `The index is complete: ${describe(result)}.\n`);
}

function describe({ blobs, blobsAdded, manifests, tags, tagsAdded, failed }: RebuildProgress): string {
  const unread = failed === 0 ? '' : `; ${failed} objects could not be read, see the log`;
  return `${blobs} blobs (${blobsAdded} added), ${manifests} manifests, ${tags} tags (${tagsAdded} added)${unread}`;
}

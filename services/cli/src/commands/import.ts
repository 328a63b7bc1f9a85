// `cistern import` adds the images of a file to a cache, without requests to upstreams.
import type { ImportedImage, ImportProgress } from '@cistern/bundles';
import { importBundleOf } from '@cistern/assembly';
import { createMetrics } from '@cistern/telemetry';
import type { Command } from 'commander';
import { CommandError, isFileError } from '../terminal/command-error.ts';
import { formatBytes, formatTransfer } from '../terminal/format.ts';
import { type DataOptions, readConfig } from '../node/read-config.ts';
import { runOnData } from '../node/run-on-data.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface ImportFlags extends DataOptions, JsonOptions {
  readonly overwrite?: boolean;
}

export function addImport(program: Command, terminal: Terminal): void {
  addJson(program.command('import'))
    .argument('<bundle>', 'tar archive with an OCI image layout, as "cistern export" writes it')
    .option('--config <file>', 'configuration file; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'data directory, instead of storage.filesystem.rootdirectory')
    .option('--overwrite', 'move tags to the digests of the bundle, even if those of the cache are newer')
    .description(
      'Import images from a file into the cache. Every byte is verified, and an image appears only when it is complete. A cluster may keep running; a single node must be stopped. An interrupted import resumes when it is run again',
    )
    .action((bundle: string, flags: ImportFlags) => runImport(bundle, flags, terminal));
}

async function runImport(path: string, flags: ImportFlags, terminal: Terminal): Promise<void> {
  const config = readConfig(flags.config, terminal.env, flags);
  const { overwrite = false } = flags;
  const startedAtMs = Date.now();
  const frame = {
    level: 'error',
    interrupted: 'Interrupted. Stored blobs are kept. Run the command again to resume.',
  } as const;
  const done = runOnData(config, terminal, frame, ({ log, signal, showProgress }) => {
    const onProgress = (now: ImportProgress) =>
      showProgress(`${now.blobsDone} of ${now.blobs} blobs, ${formatTransfer(now, Date.now() - startedAtMs)}`);
    return importBundleOf(config, { path, overwrite, log, metrics: createMetrics(), signal, onProgress });
  });
  const result = await done.catch((error: unknown) => {
    throw isFileError(error) ? new CommandError(`${path} cannot be read: ${error.message}.`) : error;
  });
  for (const image of result.images) if (flags.json !== true || image.result === 'kept') report(image, terminal);
  printAnswer(
    terminal,
    flags,
    result,
    ({ images, blobs, blobsKept, bytes }) =>
      `${images.length} images, ${blobs} blobs (${formatBytes(bytes)}; ${blobsKept} were cached before).\n`,
  );
}

function report({ name, digest, result, before }: ImportedImage, { stdout, stderr }: Terminal): void {
  const known = before && `${before.digest}, known since ${new Date(before.changedAtMs).toISOString()}`;
  switch (result) {
    case 'added':
    case 'unchanged':
      stdout.write(`${name} is ${digest}.\n`);
      return;
    case 'moved':
      stdout.write(`${name} is ${digest}; it was ${known}.\n`);
      return;
    case 'kept':
      stderr.write(
        `${name} is still ${known}. The bundle's ${digest} is not known to be newer; add --overwrite to use it.\n`,
      );
      return;
    default:
      result satisfies never;
  }
}

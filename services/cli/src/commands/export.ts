// `cistern export` writes images into one file, for a cache that reaches no upstream.
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { parsePlatformName } from '@cistern/oci';
import { createMetrics } from '@cistern/telemetry';
import type { Command } from 'commander';
import { CommandError, isFileError } from '../terminal/command-error.ts';
import { formatBytes, formatTransfer } from '../terminal/format.ts';
import { type DataOptions, readConfig, requireCluster } from '../node/read-config.ts';
import { runOnData } from '../node/run-on-data.ts';
import { addJson, type JsonOptions } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { version } from '../node/version.ts';

interface ExportFlags extends DataOptions, JsonOptions {
  readonly output: string;
  readonly platform?: readonly string[];
}

export function addExport(program: Command, terminal: Terminal): void {
  addJson(program.command('export'))
    .argument('<image...>', 'images, for example nginx:1.27, quay.io/org/app:v1 or ghcr.io/org/app@sha256:…')
    .requiredOption('-o, --output <file>', 'archive to write; "-" means standard output')
    .option(
      '--platform <os/architecture...>',
      'only these platforms of an index, for example linux/amd64; default: all',
    )
    .option('--config <file>', 'configuration file; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'data directory, instead of storage.filesystem.rootdirectory')
    .description(
      'Write images into one file, an OCI image layout. "cistern import", skopeo, podman, docker and containerd can read it. Images that are not cached are pulled first. A cluster may keep running; a single node must be stopped',
    )
    .action((images: readonly string[], flags: ExportFlags) => runExport(images, flags, terminal));
}

async function runExport(images: readonly string[], flags: ExportFlags, terminal: Terminal): Promise<void> {
  const { env, stderr } = terminal;
  if (flags.json === true && flags.output === '-')
    throw new CommandError('--json and the archive cannot both use standard output. Pass a file to --output.');
  const config = readConfig(flags.config, env, flags);
  if (config.redis !== undefined) requireCluster(config, 'export', { secret: true });
  const platforms = flags.platform?.map(parsePlatform);
  const startedAtMs = Date.now();
  const frame = { level: 'error', interrupted: 'Interrupted: nothing was exported.' } as const;
  const done = await runOnData(config, terminal, frame, async ({ log, signal, showProgress }) => {
    const { exportBundleOf } = await import('../standalone/export-bundle-of.ts');
    return writeWhole(flags.output, (output) =>
      exportBundleOf(config, {
        images,
        platforms,
        output,
        log,
        env,
        version,
        metrics: createMetrics({ upstreams: config.upstreams.map(({ name }) => name) }),
        signal,
        onAbsent: (digest) =>
          void stderr.write(`${digest} is listed by the upstream but missing there, so the archive omits it.\n`),
        onProgress: (now) =>
          showProgress(`${now.partsDone} of ${now.parts} parts, ${formatTransfer(now, Date.now() - startedAtMs)}`),
      }),
    );
  });
  const target = flags.output === '-' ? 'standard output' : flags.output;
  if (flags.json === true) terminal.stdout.write(`${JSON.stringify({ output: flags.output, ...done })}\n`);
  stderr.write(
    `${done.images} images, ${done.parts} manifests and blobs (${formatBytes(done.bytes)}) are in ${target}.\n`,
  );
}

function parsePlatform(text: string): string {
  const platform = parsePlatformName(text);
  if (platform === undefined)
    throw new CommandError(`${JSON.stringify(text)} is not a platform. Write it like linux/amd64 or linux/arm/v7.`);
  return platform;
}

/** Writes to a temporary file and renames it, so that `path` appears only when complete. `-` is standard output. */
async function writeWhole<T>(path: string, write: (output: Writable) => Promise<T>): Promise<T> {
  if (path === '-') return write(process.stdout);
  const partial = `${path}.partial`;
  try {
    const result = await write(createWriteStream(partial, { flush: true }));
    await rename(partial, path);
    return result;
  } catch (error) {
    await rm(partial, { force: true });
    throw isFileError(error) ? new CommandError(`${path} cannot be written: ${error.message}.`) : error;
  }
}

// `cistern prewarm` fetches images into the cache before the first pull.
import type { PrewarmLine } from '@cistern/admin';
import type { Command } from 'commander';
import { type AdminClient, createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { CommandError } from '../terminal/command-error.ts';
import { formatBytes } from '../terminal/format.ts';
import { type ProgressLine, showProgress } from '../terminal/show-progress.ts';
import { printEach } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface PrewarmOptions extends ReportOptions {
  readonly platform?: readonly string[];
}

type Progress = NonNullable<PrewarmLine['progress']>;
type Result = NonNullable<PrewarmLine['result']>;

export function addPrewarm(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'prewarm')
    .argument('<image...>', 'images, for example nginx:1.27 or quay.io/prometheus/node-exporter')
    .option('--platform <platform...>', 'platforms to fetch, for example linux/arm64; default: those that clients pull')
    .description(
      'Let the running cache fetch images before the first pull. If the command is interrupted, the cache continues',
    )
    .action((images: readonly string[], options: PrewarmOptions) => prewarm(images, options, terminal));
}

async function prewarm(images: readonly string[], options: PrewarmOptions, terminal: Terminal): Promise<void> {
  const cache = createAdminClient(options, terminal);
  await printEach(terminal, options, images, {
    async act(image) {
      const progress = showProgress(terminal, Date.now);
      try {
        return await bring(cache, image, options.platform ?? [], progress);
      } finally {
        progress.end();
      }
    },
    describe: (result, image) => `${image}: ${describeResult(result)}\n`,
  });
}

/** Prewarms an image. Throws `CommandError` with the reason of a failure. */
async function bring(
  cache: AdminClient,
  image: string,
  platforms: readonly string[],
  progress: ProgressLine,
): Promise<Result> {
  const speed = createSpeed();
  progress.show(`${image}: requested`);
  for await (const line of cache.lines<PrewarmLine>('/v1/prewarm', { image, platforms })) {
    if (line.progress !== undefined) progress.show(`${image}: ${describeProgress(line.progress, speed)}`);
    const why = line.error ?? line.result?.failure;
    if (why !== undefined) throw new CommandError(why.message);
    if (line.result !== undefined) return line.result;
  }
  throw new CommandError(
    `${cache.name} closed the connection before the end. Workers complete the fetches that have begun.`,
  );
}

function describeProgress(
  { blobs, blobsHere, bytes, bytesHere }: Progress,
  speed: (bytesHere: number) => number,
): string {
  const perSecond = formatBytes(speed(bytesHere));
  return `${blobsHere} of ${blobs} layers, ${formatBytes(bytesHere)} of ${formatBytes(bytes)}, ${perSecond}/s`;
}

function describeResult({ digest, blobs, bytes, fetchedBlobs, fetchedBytes }: Result): string {
  const fetched = fetchedBlobs === 0 ? 'all cached before' : `fetched ${fetchedBlobs} (${formatBytes(fetchedBytes)})`;
  return `${digest}, ${blobs} layers (${formatBytes(bytes)}), ${fetched}`;
}

/** Returns a function that takes the bytes so far and returns the bytes per second during about the last 5 s. */
function createSpeed(): (bytesHere: number) => number {
  const seen: { readonly atMs: number; readonly bytes: number }[] = [];
  return (bytes) => {
    const atMs = performance.now();
    seen.push({ atMs, bytes });
    while (seen.length > 2 && atMs - seen[0]!.atMs > 5_000) seen.shift();
    const { atMs: sinceMs, bytes: before } = seen[0]!;
    return atMs === sinceMs ? 0 : Math.max(0, ((bytes - before) / (atMs - sinceMs)) * 1000);
  };
}

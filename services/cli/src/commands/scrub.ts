// `cistern scrub`: what reading the store through has found, and how far it is.
import type { ScrubPass, ScrubReport } from '@cistern/assembly';
import type { Command } from 'commander';
import { adminTarget } from '../admin-target.ts';
import { askLines } from '../ask-lines.ts';
import { CommandError } from '../command-error.ts';
import { fail } from '../fail.ts';
import { formatBytes } from '../format-bytes.ts';
import { type ConfigOptions, readConfig } from '../read-config.ts';
import type { Terminal } from '../terminal.ts';

interface ScrubOptions extends Pick<ConfigOptions, 'data'> {
  readonly config?: string;
  readonly url?: string;
}

export function addScrub(program: Command, terminal: Terminal): void {
  program
    .command('scrub')
    .option('--config <file>', 'the configuration of the cache; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'where the data of a single cache is, instead of storage.filesystem.rootdirectory')
    .option('--url <url>', "of a cluster's admin node; default: at admin.addr on this machine")
    .description('Tell what reading the store through has found: the cache that runs does it by itself')
    .action((options: ScrubOptions) => tellScrub(options, terminal).catch((error: unknown) => fail(terminal, error)));
}

async function tellScrub(options: ScrubOptions, terminal: Terminal): Promise<void> {
  const target = adminTarget(readConfig(options.config, terminal.env, { data: options.data }), options.url);
  for await (const line of askLines(target, '/v1/scrub')) {
    const { report } = line as { readonly report: ScrubReport | null };
    terminal.stdout.write(report === null ? 'The store has not been read through yet.\n' : describeReport(report));
    return;
  }
  throw new CommandError(`${target.name} has told nothing.`);
}

function describeReport({ pass, lastEnded, damages }: ScrubReport): string {
  const lines: string[] = [];
  if (pass.endedAtMs === undefined)
    lines.push(
      `Since ${timeOf(pass.startedAtMs)}, at ${Math.round((pass.shard / 256) * 100)} %: ${describeCounts(pass)}`,
    );
  if (lastEnded?.endedAtMs !== undefined)
    lines.push(`From ${timeOf(lastEnded.startedAtMs)} to ${timeOf(lastEnded.endedAtMs)}: ${describeCounts(lastEnded)}`);
  for (const { digest, size, foundAtMs, note } of damages)
    lines.push(`${timeOf(foundAtMs)}  ${digest}  ${formatBytes(size)}  damaged; ${note}`);
  return lines.map((line) => `${line}\n`).join('');
}

function describeCounts({ counts }: ScrubPass): string {
  const { objects, bytes, verified, adopted, forgotten, damaged, healed } = counts;
  const found = damaged === 0 ? 'none damaged' : `${damaged} damaged, of which ${healed} are healed`;
  return `${objects} objects (${formatBytes(bytes)}), ${found}; ${verified} verified for the first time, ${adopted} added to the index, ${forgotten} taken from it`;
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

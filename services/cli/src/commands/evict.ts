// `cistern evict --dry-run` lists the next evictions and their reasons. The command evicts nothing, because the running
// cache evicts automatically.
import type { EvictionLine } from '@cistern/admin';
import { parseSize } from '@cistern/config';
import type { Command } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { CommandError, explain } from '../terminal/command-error.ts';
import { formatBytes } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface EvictOptions extends ReportOptions {
  readonly dryRun?: true;
  readonly downTo?: string;
}

type Plan = NonNullable<EvictionLine['plan']>;
type Victim = NonNullable<EvictionLine['victim']>;

export function addEvict(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'evict')
    .option('--dry-run', 'list the evictions and their reasons, and remove nothing')
    .option('--down-to <size>', 'assume that the store must shrink to this size, for example 400GiB')
    .description('Requires --dry-run: list the next evictions from the store. The running cache evicts automatically')
    .action((options: EvictOptions) => evict(options, terminal));
}

async function evict(options: EvictOptions, terminal: Terminal): Promise<void> {
  if (options.dryRun !== true)
    throw new CommandError(
      'The running cache evicts automatically, to keep storage.maxbytes. Add --dry-run to list the next evictions.',
    );
  const { downTo } = options;
  const downToBytes = downTo === undefined ? undefined : await explain(() => parseSize(downTo), '--down-to');
  const cache = createAdminClient(options, terminal);
  const { stdout } = terminal;
  const isJson = options.json === true;
  const document = { plan: undefined as Plan | undefined, victims: [] as Victim[] };
  const lines = cache.lines<EvictionLine>('/v1/eviction/plan', { downToBytes });
  for await (const { plan, victim, result, error } of lines) {
    if (error !== undefined) throw new CommandError(error.message);
    if (isJson) {
      document.plan ??= plan;
      if (victim !== undefined) document.victims.push(victim);
    } else {
      if (plan !== undefined) stdout.write(`${describePlan(plan)}\n`);
      if (victim !== undefined) stdout.write(`${describeVictim(victim, Date.now())}\n`);
    }
    if (result === undefined) continue;
    const { victims, bytes } = result;
    printAnswer(terminal, options, { ...document, total: { victims, bytes } }, () =>
      victims === 0 ? 'Nothing would be evicted.\n' : `${victims} would be evicted, ${formatBytes(bytes)} in total.\n`,
    );
    return;
  }
  throw new CommandError(`${cache.name} closed the connection before the list was complete. Try again.`);
}

function describePlan({ bytes, downToBytes, pinned }: Plan): string {
  const need = downToBytes === undefined ? 'no eviction is needed' : `it must shrink to ${formatBytes(downToBytes)}`;
  return `The store holds ${formatBytes(bytes)}: ${need}. ${pinned} digests are pinned.`;
}

function describeVictim({ digest, size, kind, lastPulledAtMs, reason }: Victim, nowMs: number): string {
  const hours = Math.max(0, Math.round((nowMs - lastPulledAtMs) / 3_600_000));
  const ago = hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
  const why = reason === 'space' ? 'least recently pulled' : 'older than storage.maxage';
  return `${digest}  ${kind}  ${formatBytes(size)}  pulled ${ago} ago: ${why}`;
}

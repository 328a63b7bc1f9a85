// `cistern audit`: what operators asked for and who was turned away, of late.
import type { AuditPage } from '@cistern/admin';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addAdminOptions, addJsonOption, type AdminOptions, openAdmin } from '../admin/admin-options.ts';
import { fail } from '../terminal/fail.ts';
import { formatTable } from '../terminal/format-table.ts';
import { formatTime } from '../terminal/format-time.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface AuditOptions extends AdminOptions {
  readonly limit: string;
  readonly before?: string;
  readonly kind?: string;
}

const exitCodes = `
Exit codes: 0 it was told; 1 the cache could not be asked, and why.`;

export function addAudit(program: Command, terminal: Terminal): void {
  addJsonOption(addAdminOptions(program.command('audit')))
    .addOption(new Option('--kind <kind>', 'what operators did, or who was turned away').choices(['action', 'refusal']))
    .option('--limit <count>', 'tell at most so many, 500 at most', parseCount, '50')
    .option('--before <number>', 'go on where another list ended', parseCount)
    .description('Tell what operators asked for and who was turned away, the newest first')
    .addHelpText('after', exitCodes)
    .action((options: AuditOptions) => tellAudit(options, terminal).catch((error: unknown) => fail(terminal, error)));
}

async function tellAudit(options: AuditOptions, terminal: Terminal): Promise<void> {
  const { kind, limit, before: from } = options;
  const query = new URLSearchParams({ limit, ...(from && { before: from }), ...(kind && { kind }) });
  const told = await openAdmin(options, terminal)<AuditPage>(`/v1/audit?${query.toString()}`);
  if (options.json === true) return void terminal.stdout.write(`${JSON.stringify(told)}\n`);
  terminal.stdout.write(describeAudit(told));
  if (told.before !== null) terminal.stderr.write(`There may be more: --before ${told.before}\n`);
}

function describeAudit({ entries }: AuditPage): string {
  if (entries.length === 0) return 'There is nothing yet.\n';
  return formatTable(
    ['AT', 'WHO', 'FROM', 'ANSWER', 'WHAT', 'ABOUT'],
    entries.map(({ at, user, address, event, status, what, about }) => [
      formatTime(at),
      user ?? '-',
      address ?? '-',
      [event, status ?? ''].join(' ').trimEnd(),
      what,
      about ?? '',
    ]),
  );
}

function parseCount(value: string): string {
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new InvalidArgumentError('It must be a number from 1 on.');
  return value;
}

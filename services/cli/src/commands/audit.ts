// `cistern audit` lists the latest actions of operators and the latest rejected requests of clients.
import type { AuditPage } from '@cistern/admin';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, reportExitCodes, type ReportOptions } from '../admin/admin-command.ts';
import { formatTable, formatTime } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface AuditOptions extends ReportOptions {
  readonly limit: string;
  readonly before?: string;
  readonly kind?: string;
}

export function addAudit(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'audit')
    .addOption(
      new Option('--kind <kind>', 'action: only actions of operators; refusal: only rejected requests').choices([
        'action',
        'refusal',
      ]),
    )
    .option('--limit <count>', 'maximum number of entries, up to 500', parseCount, '50')
    .option('--before <number>', 'continue after an earlier list, which ends with this number', parseCount)
    .description('List actions of operators and rejected clients, newest first')
    .addHelpText('after', reportExitCodes)
    .action((options: AuditOptions) => printAudit(options, terminal));
}

async function printAudit(options: AuditOptions, terminal: Terminal): Promise<void> {
  const { json, kind, limit, before: from } = options;
  const query = new URLSearchParams({ limit, ...(from && { before: from }), ...(kind && { kind }) });
  const page = await createAdminClient(options, terminal).fetch<AuditPage>(`/v1/audit?${query.toString()}`);
  printAnswer(terminal, options, page, describeAudit);
  if (json !== true && page.before !== null)
    terminal.stderr.write(`There may be more entries. To list them, add --before ${page.before}\n`);
}

function describeAudit({ entries }: AuditPage): string {
  if (entries.length === 0) return 'There are no entries yet.\n';
  return formatTable(
    ['TIME', 'USER', 'ADDRESS', 'RESULT', 'ACTION', 'DETAILS'],
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
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new InvalidArgumentError('It must be a number of at least 1.');
  return value;
}

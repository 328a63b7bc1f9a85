// `cistern budget`: what upstreams still let the cache pull.
import type { BudgetList } from '@cistern/admin';
import type { Command } from 'commander';
import { addAdminOptions, addJsonOption, type AdminOptions, openAdmin } from '../admin/admin-options.ts';
import { fail } from '../terminal/fail.ts';
import { formatTable } from '../terminal/format-table.ts';
import { formatTime } from '../terminal/format-time.ts';
import type { Terminal } from '../terminal/terminal.ts';

const exitCodes = `
Exit codes: 0 it was told; 1 the cache could not be asked, and why.`;

export function addBudget(program: Command, terminal: Terminal): void {
  addJsonOption(addAdminOptions(program.command('budget')))
    .description('Tell what upstreams still let the cache pull, as they last said')
    .addHelpText('after', exitCodes)
    .action((options: AdminOptions) => tellBudget(options, terminal).catch((error: unknown) => fail(terminal, error)));
}

async function tellBudget(options: AdminOptions, terminal: Terminal): Promise<void> {
  const told = await openAdmin(options, terminal)<BudgetList>('/v1/budget');
  terminal.stdout.write(options.json === true ? `${JSON.stringify(told)}\n` : describeBudget(told));
}

function describeBudget({ accounts }: BudgetList): string {
  if (accounts.length === 0) return 'No upstream has told a limit.\n';
  const columns = [
    'UPSTREAM',
    'ACCOUNT',
    { ofNumbers: 'LEFT' },
    { ofNumbers: 'LIMIT' },
    { ofNumbers: 'RESERVE' },
    'NEW AT THE LATEST',
    'LEFT ALONE UNTIL',
  ];
  return formatTable(
    columns,
    accounts.map(({ upstream, account, remaining, limit, reserve, resetsAt, backedOffUntil }) => [
      upstream,
      account ?? 'all',
      ...[remaining, limit, reserve].map((pulls) => (pulls === null ? '-' : String(pulls))),
      resetsAt === null ? '-' : formatTime(resetsAt),
      backedOffUntil === null ? '-' : formatTime(backedOffUntil),
    ]),
  );
}

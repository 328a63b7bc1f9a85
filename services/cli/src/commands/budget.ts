// `cistern budget` shows the remaining pulls per upstream account.
import type { BudgetList } from '@cistern/admin';
import type { Command } from 'commander';
import { addReport } from '../admin/admin-command.ts';
import { formatTable, formatTime } from '../terminal/format.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addBudget(program: Command, terminal: Terminal): void {
  addReport<BudgetList>(program, terminal, {
    name: 'budget',
    description: 'Show the remaining pulls per upstream account, as the upstream last reported them',
    path: '/v1/budget',
    describe: describeBudget,
  });
}

function describeBudget({ accounts }: BudgetList): string {
  if (accounts.length === 0) return 'No upstream has reported a limit.\n';
  const columns = [
    'UPSTREAM',
    'ACCOUNT',
    { numeric: 'REMAINING' },
    { numeric: 'LIMIT' },
    { numeric: 'RESERVE' },
    'RESETS BY',
    'BACKED OFF UNTIL',
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

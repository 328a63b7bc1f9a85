// `cistern jobs`: how full the queues are, and what failed last.
import type { JobList } from '@cistern/admin';
import type { Command } from 'commander';
import { addAdminOptions, addJsonOption, type AdminOptions, openAdmin } from '../admin/admin-options.ts';
import { fail } from '../terminal/fail.ts';
import { formatDuration } from '../terminal/format-duration.ts';
import { formatTable } from '../terminal/format-table.ts';
import { formatTime } from '../terminal/format-time.ts';
import type { Terminal } from '../terminal/terminal.ts';

const exitCodes = `
Exit codes: 0 it was told; 1 the cache could not be asked, and why.`;

export function addJobs(program: Command, terminal: Terminal): void {
  addJsonOption(addAdminOptions(program.command('jobs')))
    .description('Tell what waits for the workers, and what failed last')
    .addHelpText('after', exitCodes)
    .action((options: AdminOptions) => tellJobs(options, terminal).catch((error: unknown) => fail(terminal, error)));
}

async function tellJobs(options: AdminOptions, terminal: Terminal): Promise<void> {
  const told = await openAdmin(options, terminal)<JobList>('/v1/jobs');
  terminal.stdout.write(options.json === true ? `${JSON.stringify(told)}\n` : describeJobs(told));
}

function describeJobs({ queues, failures }: JobList): string {
  const columns = [
    'QUEUE',
    { ofNumbers: 'WAITING' },
    { ofNumbers: 'ACTIVE' },
    { ofNumbers: 'DELAYED' },
    { ofNumbers: 'FAILED' },
    { ofNumbers: 'OLDEST WAITS' },
  ];
  const rows = queues.map(({ name, waiting, active, delayed, failed, oldestWaitingMs }) => [
    name,
    ...[waiting, active, delayed, failed].map(String),
    oldestWaitingMs === null ? '-' : formatDuration(oldestWaitingMs),
  ]);
  const failed = failures.map(({ queue, name, reason, at }) => [formatTime(at), queue, name, reason]);
  const titles = ['FAILED AT', 'QUEUE', 'JOB', 'WHY'];
  return formatTable(columns, rows) + (failed.length === 0 ? '' : `\n${formatTable(titles, failed)}`);
}

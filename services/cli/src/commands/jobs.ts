// `cistern jobs`: how full the queues are, and what failed last.
import type { JobList } from '@cistern/admin';
import type { Command } from 'commander';
import { addReport } from '../admin/admin-command.ts';
import { formatDuration, formatTable, formatTime } from '../terminal/format.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addJobs(program: Command, terminal: Terminal): void {
  addReport<JobList>(program, terminal, {
    name: 'jobs',
    description: 'Tell what waits for the workers, and what failed last',
    path: '/v1/jobs',
    describe: describeJobs,
  });
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

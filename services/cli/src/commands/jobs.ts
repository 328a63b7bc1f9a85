// `cistern jobs` shows the length of the queues and the latest failed jobs.
import type { JobList } from '@cistern/admin';
import type { Command } from 'commander';
import { addReport } from '../admin/admin-command.ts';
import { formatDuration, formatTable, formatTime } from '../terminal/format.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addJobs(program: Command, terminal: Terminal): void {
  addReport<JobList>(program, terminal, {
    name: 'jobs',
    description: 'Show the job queues of the workers, and the latest failed jobs',
    path: '/v1/jobs',
    describe: describeJobs,
  });
}

function describeJobs({ queues, failures }: JobList): string {
  const columns = [
    'QUEUE',
    { numeric: 'WAITING' },
    { numeric: 'ACTIVE' },
    { numeric: 'DELAYED' },
    { numeric: 'FAILED' },
    { numeric: 'OLDEST' },
  ];
  const rows = queues.map(({ name, waiting, active, delayed, failed, oldestWaitingMs }) => [
    name,
    ...[waiting, active, delayed, failed].map(String),
    oldestWaitingMs === null ? '-' : formatDuration(oldestWaitingMs),
  ]);
  const failed = failures.map(({ queue, name, reason, count, at }) => [
    formatTime(at),
    String(count),
    queue,
    name,
    reason,
  ]);
  const titles = ['LAST FAILED', { numeric: 'TIMES' }, 'QUEUE', 'JOB', 'REASON'];
  return formatTable(columns, rows) + (failed.length === 0 ? '' : `\n${formatTable(titles, failed)}`);
}

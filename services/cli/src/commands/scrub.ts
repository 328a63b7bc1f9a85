// `cistern scrub` shows the last scrub report and the progress of the current scrub.
import type { ScrubAnswer, ScrubPass, ScrubReport } from '@cistern/admin';
import type { Command } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { formatBytes, formatTime } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addScrub(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'scrub')
    .description('Show the last scrub report. The running cache scrubs the store automatically')
    .action((options: ReportOptions) => printScrub(options, terminal));
}

async function printScrub(options: ReportOptions, terminal: Terminal): Promise<void> {
  const answer = await createAdminClient(options, terminal).fetch<ScrubAnswer>('/v1/scrub');
  printAnswer(terminal, options, answer, ({ report }) =>
    report === null ? 'The store has not been scrubbed yet.\n' : describeReport(report),
  );
}

function describeReport({ pass, lastEnded, damages }: ScrubReport): string {
  const lines: string[] = [];
  if (pass.endedAtMs === undefined)
    lines.push(
      `Since ${formatTime(pass.startedAtMs)}, at ${Math.round((pass.shard / 256) * 100)} %: ${describeCounts(pass)}`,
    );
  if (lastEnded?.endedAtMs !== undefined)
    lines.push(
      `From ${formatTime(lastEnded.startedAtMs)} to ${formatTime(lastEnded.endedAtMs)}: ${describeCounts(lastEnded)}`,
    );
  for (const { digest, size, foundAtMs, note } of damages)
    lines.push(`${formatTime(foundAtMs)}  ${digest}  ${formatBytes(size)}  damaged; ${note}`);
  return lines.map((line) => `${line}\n`).join('');
}

function describeCounts({ counts }: ScrubPass): string {
  const { objects, bytes, verified, adopted, forgotten, damaged, healed, failed = 0 } = counts;
  const unread = failed === 0 ? '' : `; ${failed} could not be read or removed, see the log`;
  const found = damaged === 0 ? 'none damaged' : `${damaged} damaged, ${healed} of them healed`;
  return `${objects} objects (${formatBytes(bytes)}), ${found}; ${verified} verified for the first time, ${adopted} added to the index, ${forgotten} removed from it${unread}`;
}

// `cistern scrub` shows the last scrub report and the progress of the current scrub.
import type { ScrubAnswer, ScrubPass, ScrubReport } from '@cistern/admin';
import type { Command } from 'commander';
import { type AdminOptions, createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand } from '../admin/admin-command.ts';
import { formatBytes, formatTime } from '../terminal/format.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addScrub(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'scrub')
    .description('Show the last scrub report. The running cache scrubs the store automatically')
    .action((options: AdminOptions) => printScrub(options, terminal));
}

async function printScrub(options: AdminOptions, terminal: Terminal): Promise<void> {
  const { report } = await createAdminClient(options, terminal).fetch<ScrubAnswer>('/v1/scrub');
  terminal.stdout.write(report === null ? 'The store has not been scrubbed yet.\n' : describeReport(report));
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

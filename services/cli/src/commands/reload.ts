// `cistern reload` makes all nodes read their configurations again, and shows the result of each node.
import type { ReloadAnswer } from '@cistern/admin';
import type { Command } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { formatTable } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

const failedExitCode = 2;
const exitCodes = `
Exit codes: 0 all nodes reloaded; 1 the request to the cache failed; 2 a node rejected its file or did not answer.`;

export function addReload(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'reload')
    .description(
      'Make all nodes read their configuration files again: upstreams, auth, access, limits and the log level. No connection is closed',
    )
    .addHelpText('after', exitCodes)
    .action((options: ReportOptions) => reload(options, terminal));
}

async function reload(options: ReportOptions, terminal: Terminal): Promise<void> {
  const answer = await createAdminClient(options, terminal).fetch<ReloadAnswer>('/v1/reload', {});
  printAnswer(terminal, options, answer, describe);
  const isDone = answer.nodes.every(({ result }) => result === 'applied' || result === 'unchanged');
  if (!isDone || answer.nodes.length === 0) terminal.exitCode = failedExitCode;
}

function describe({ nodes }: ReloadAnswer): string {
  if (nodes.length === 0) return 'No node is running.\n';
  const rows = nodes.map(({ name, role, result, needsRestart }) => [name, role, result, needsRestart.join(', ')]);
  const reasons = nodes.flatMap(({ name, reason }) => (reason === null ? [] : [`\n${name}: ${reason}\n`]));
  return `${formatTable(['NODE', 'ROLE', 'RESULT', 'NEEDS RESTART'], rows)}${reasons.join('')}`;
}

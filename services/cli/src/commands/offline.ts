// `cistern offline` switches upstreams offline and online. `cistern stale` lists tags that were served stale.
import type { StaleLine, UpstreamList } from '@cistern/admin';
import { Argument, type Command } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { CommandError } from '../terminal/command-error.ts';
import { formatTime } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

type Mode = 'show' | 'on' | 'off' | 'reset';

export function addOffline(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'offline')
    .addArgument(
      new Argument(
        '[mode]',
        'on: send no requests; off: send requests; reset: follow the configuration; show: only show',
      )
        .choices(['on', 'off', 'reset', 'show'])
        .default('show'),
    )
    .argument('[upstream]', 'name of an upstream; default: all')
    .description(
      'Switch upstreams offline or online on all nodes. While an upstream is offline, only its cached content is served',
    )
    .action((mode: Mode, upstream: string | undefined, options: ReportOptions) =>
      decide(mode, upstream, options, terminal),
    );
  addAdminCommand(program, 'stale')
    .description('List tags that were served stale, because their upstream did not confirm them')
    .action((options: ReportOptions) => listStale(options, terminal));
}

async function decide(
  mode: Mode,
  upstream: string | undefined,
  options: ReportOptions,
  terminal: Terminal,
): Promise<void> {
  const cache = createAdminClient(options, terminal);
  const offline = { on: true, off: false, reset: null };
  const answer = await (mode === 'show'
    ? cache.fetch<UpstreamList>('/v1/upstreams')
    : cache.fetch<UpstreamList>('/v1/offline', { upstream, offline: offline[mode] }));
  printAnswer(terminal, options, answer, ({ upstreams }) => upstreams.map(describeUpstream).join(''));
}

function describeUpstream({ name, isOffline, by }: UpstreamList['upstreams'][number]): string {
  return `${isOffline ? 'offline' : 'online '}  ${name}${by === 'decision' ? '  (set by an operator)' : ''}\n`;
}

async function listStale(options: ReportOptions, terminal: Terminal): Promise<void> {
  const tags: object[] = [];
  for await (const { tag, error, result } of createAdminClient(options, terminal).lines<StaleLine>('/v1/stale')) {
    if (error !== undefined) throw new CommandError(error.message);
    if (result !== undefined) {
      if (options.json === true) terminal.stdout.write(`${JSON.stringify({ tags })}\n`);
      return;
    }
    if (tag === undefined) continue;
    if (options.json === true) tags.push(tag);
    else
      terminal.stdout.write(
        `${tag.image}  confirmed ${formatTime(tag.checkedAtMs)}  pulled ${formatTime(tag.lastPulledAtMs)}\n`,
      );
  }
  throw new CommandError('The connection closed before the list was complete. Try again.');
}

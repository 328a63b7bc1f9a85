// `cistern offline` and `cistern stale`: the upstreams that are online, and the tags that were served without their confirmation.
import type { StaleLine, UpstreamList } from '@cistern/admin';
import { Argument, type Command } from 'commander';
import { type AdminOptions, createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand } from '../admin/admin-command.ts';
import { CommandError } from '../terminal/command-error.ts';
import { formatTime } from '../terminal/format.ts';
import type { Terminal } from '../terminal/terminal.ts';

type Mode = 'show' | 'on' | 'off' | 'reset';

export function addOffline(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'offline')
    .addArgument(
      new Argument('[wish]', 'on: ask for nothing; off: ask again; reset: as the configuration says; show')
        .choices(['on', 'off', 'reset', 'show'])
        .default('show'),
    )
    .argument('[upstream]', 'which upstream; default: all')
    .description('Have upstreams asked for nothing, on all nodes at once, and serve what is cached')
    .action((mode: Mode, upstream: string | undefined, options: AdminOptions) =>
      decide(mode, upstream, options, terminal),
    );
  addAdminCommand(program, 'stale')
    .description('Tell which tags were served although upstream had not confirmed them in time')
    .action((options: AdminOptions) => listStale(options, terminal));
}

async function decide(
  mode: Mode,
  upstream: string | undefined,
  options: AdminOptions,
  terminal: Terminal,
): Promise<void> {
  const cache = createAdminClient(options, terminal);
  const offline = { on: true, off: false, reset: null };
  const { upstreams } = await (mode === 'show'
    ? cache.fetch<UpstreamList>('/v1/upstreams')
    : cache.fetch<UpstreamList>('/v1/offline', { upstream, offline: offline[mode] }));
  for (const { name, isOffline, by } of upstreams)
    terminal.stdout.write(`${isOffline ? 'offline' : 'online '}  ${name}${by === 'decision' ? '  (decided)' : ''}\n`);
}

async function listStale(options: AdminOptions, terminal: Terminal): Promise<void> {
  for await (const { tag, error, result } of createAdminClient(options, terminal).lines<StaleLine>('/v1/stale')) {
    if (error !== undefined) throw new CommandError(error.message);
    if (result !== undefined) return;
    if (tag !== undefined)
      terminal.stdout.write(
        `${tag.image}  confirmed ${formatTime(tag.checkedAtMs)}  pulled ${formatTime(tag.lastPulledAtMs)}\n`,
      );
  }
  throw new CommandError('The answer broke off.');
}

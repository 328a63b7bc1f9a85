// `cistern offline` and `cistern stale`: which upstreams are asked, and what was served without their word.
import type { StaleLine, UpstreamList } from '@cistern/admin';
import { Argument, type Command } from 'commander';
import { type AdminOptions, addAdminOptions, linesOfAdmin, openAdmin } from '../admin/admin-options.ts';
import { CommandError } from '../terminal/command-error.ts';
import { fail } from '../terminal/fail.ts';
import { formatTime } from '../terminal/format-time.ts';
import type { Terminal } from '../terminal/terminal.ts';

type Wish = 'show' | 'on' | 'off' | 'reset';

export function addOffline(program: Command, terminal: Terminal): void {
  const orFail = (done: Promise<void>) => done.catch((error: unknown) => fail(terminal, error));
  addAdminOptions(program.command('offline'))
    .addArgument(
      new Argument('[wish]', 'on: ask for nothing; off: ask again; reset: as the configuration says; show')
        .choices(['on', 'off', 'reset', 'show'])
        .default('show'),
    )
    .argument('[upstream]', 'which upstream; default: all')
    .description('Have upstreams asked for nothing, on all nodes at once, and serve what is cached')
    .action((wish: Wish, upstream: string | undefined, options: AdminOptions) =>
      orFail(decide(wish, upstream, options, terminal)),
    );
  addAdminOptions(program.command('stale'))
    .description('Tell which tags were served although upstream had not confirmed them in time')
    .action((options: AdminOptions) => orFail(listStale(options, terminal)));
}

async function decide(
  wish: Wish,
  upstream: string | undefined,
  options: AdminOptions,
  terminal: Terminal,
): Promise<void> {
  const ask = openAdmin(options, terminal);
  const offline = { on: true, off: false, reset: null };
  const { upstreams } = await (wish === 'show'
    ? ask<UpstreamList>('/v1/upstreams')
    : ask<UpstreamList>('/v1/offline', { upstream, offline: offline[wish] }));
  for (const { name, isOffline, by } of upstreams)
    terminal.stdout.write(`${isOffline ? 'offline' : 'online '}  ${name}${by === 'decision' ? '  (decided)' : ''}\n`);
}

async function listStale(options: AdminOptions, terminal: Terminal): Promise<void> {
  for await (const { tag, error, result } of linesOfAdmin<StaleLine>(options, terminal, '/v1/stale')) {
    if (error !== undefined) throw new CommandError(error.message);
    if (result !== undefined) return;
    if (tag !== undefined)
      terminal.stdout.write(
        `${tag.image}  confirmed ${formatTime(tag.checkedAtMs)}  pulled ${formatTime(tag.lastPulledAtMs)}\n`,
      );
  }
  throw new CommandError('The answer broke off.');
}

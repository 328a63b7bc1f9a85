// `cistern inflight`: what is being fetched from upstreams. On a terminal the table is drawn anew each second until Ctrl-C; elsewhere
// it is printed once.
import { setTimeout as delay } from 'node:timers/promises';
import type { FillList } from '@cistern/admin';
import type { Command } from 'commander';
import { abortOnSignal } from '../terminal/abort-on-signal.ts';
import { addAdminOptions, addJsonOption, type AdminOptions, openAdmin } from '../admin/admin-options.ts';
import { fail } from '../terminal/fail.ts';
import { describeFills } from '../terminal/describe-fills.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface InflightOptions extends AdminOptions {
  readonly once?: true;
}

const everyMs = 1_000;
/** To the upper left, and nothing below: without the flicker of clearing first. */
const home = '\u001B[H';
const clearLine = '\u001B[K';
const clearBelow = '\u001B[J';
/** A screen of its own, which leaves what was on the terminal as it was. */
const [enterScreen, leaveScreen] = ['\u001B[?1049h\u001B[?25l', '\u001B[?25h\u001B[?1049l'];
const exitCodes = `
Exit codes: 0 it was told, or watching it was ended by Ctrl-C; 1 the cache could not be asked, and why.`;

export function addInflight(program: Command, terminal: Terminal): void {
  addJsonOption(addAdminOptions(program.command('inflight')))
    .option('--once', 'on a terminal too, tell it once instead of each second')
    .description('Tell what is being fetched from upstreams now, and how fast')
    .addHelpText('after', exitCodes)
    .action((options: InflightOptions) =>
      tellFills(options, terminal).catch((error: unknown) => fail(terminal, error)),
    );
}

async function tellFills(options: InflightOptions, terminal: Terminal): Promise<void> {
  const { stdout } = terminal;
  const ask = () => openAdmin(options, terminal)<FillList>('/v1/fills');
  if (options.json === true) stdout.write(`${JSON.stringify(await ask())}\n`);
  else if (stdout.isTTY !== true || options.once === true) stdout.write(describeFills(await ask(), Date.now()));
  else await watch(ask, stdout);
}

async function watch(ask: () => Promise<FillList>, stdout: Terminal['stdout']): Promise<void> {
  // Before the screen is another: what is wrong is to stay on this one.
  let told = await ask();
  const { signal, dispose } = abortOnSignal('');
  stdout.write(enterScreen);
  try {
    while (!signal.aborted) {
      const lines = describeFills(told, Date.now())
        .split('\n')
        .slice(0, (stdout.rows ?? 24) - 1);
      stdout.write(`${home}${lines.map((line) => `${line}${clearLine}`).join('\n')}${clearBelow}`);
      await delay(everyMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) told = await ask();
    }
  } finally {
    dispose();
    stdout.write(leaveScreen);
  }
}

// `cistern inflight` shows the running fetches from upstreams. On a terminal, it redraws the table each second until
// Ctrl-C. Elsewhere, or with `--once` or `--json`, it prints the fetches one time.
import { setTimeout as delay } from 'node:timers/promises';
import type { FillList } from '@cistern/admin';
import type { Command } from 'commander';
import { abortOnSignal } from '../terminal/abort-on-signal.ts';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { formatBytes, formatDuration, formatTable } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface InflightOptions extends ReportOptions {
  readonly once?: true;
}

const everyMs = 1_000;
/** Moves the cursor to the upper left. Old text is cleared after drawing, because clearing it first would flicker. */
const home = '\u001B[H';
const clearLine = '\u001B[K';
const clearBelow = '\u001B[J';
/** Switch to the alternate screen without a cursor, and back. This restores the previous content of the terminal. */
const [enterScreen, leaveScreen] = ['\u001B[?1049h\u001B[?25l', '\u001B[?25h\u001B[?1049l'];
const exitCodes = `
Exit codes: 0 success, or ended by Ctrl-C; 1 the request to the cache failed, with the reason on standard error.`;

export function addInflight(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'inflight')
    .option('--once', 'print the table once, also on a terminal')
    .description('Show running fetches from upstreams and their speed')
    .addHelpText('after', exitCodes)
    .action((options: InflightOptions) => showFills(options, terminal));
}

async function showFills(options: InflightOptions, terminal: Terminal): Promise<void> {
  const { stdout } = terminal;
  const fetchFills = () => createAdminClient(options, terminal).fetch<FillList>('/v1/fills');
  if (options.json !== true && stdout.isTTY === true && options.once !== true) await watch(fetchFills, stdout);
  else printAnswer(terminal, options, await fetchFills(), (fills) => describeFills(fills, Date.now()));
}

async function watch(fetchFills: () => Promise<FillList>, stdout: Terminal['stdout']): Promise<void> {
  // The first request is sent before the switch to the alternate screen, so that its error stays visible.
  let fills = await fetchFills();
  const { signal, dispose } = abortOnSignal('');
  stdout.write(enterScreen);
  try {
    while (!signal.aborted) {
      const lines = describeFills(fills, Date.now())
        .split('\n')
        .slice(0, (stdout.rows ?? 24) - 1);
      stdout.write(`${home}${lines.map((line) => `${line}${clearLine}`).join('\n')}${clearBelow}`);
      await delay(everyMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) fills = await fetchFills();
    }
  } finally {
    dispose();
    stdout.write(leaveScreen);
  }
}

const columns = [
  'REPOSITORY',
  'BLOB',
  { numeric: 'DONE' },
  { numeric: 'OF' },
  { numeric: '%' },
  { numeric: 'PER SECOND' },
  { numeric: 'REMAINING' },
  { numeric: 'READERS' },
  { numeric: 'ELAPSED' },
  'NODE',
];
/** Enough characters of a digest to distinguish blobs. */
const digestLength = 'sha256:'.length + 12;

function describeFills({ fills, total }: FillList, nowMs: number): string {
  if (total === 0) return 'Nothing is being fetched.\n';
  const speed = fills.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0);
  const more = total > fills.length ? `, ${fills.length} shown` : '';
  const rows = fills.map(({ upstream, repository, digest, bytes, size, bytesPerSecond, readers, startedAt, node }) => [
    `${upstream}/${repository}`,
    digest.slice(0, digestLength),
    formatBytes(bytes),
    size === null ? '?' : formatBytes(size),
    size === null ? '' : String(Math.floor((bytes / Math.max(1, size)) * 100)),
    formatBytes(bytesPerSecond),
    size === null || bytesPerSecond === 0 ? '-' : formatDuration(((size - bytes) / bytesPerSecond) * 1000),
    String(readers),
    formatDuration(nowMs - startedAt),
    node,
  ]);
  return `${total} in flight${more}, ${formatBytes(speed)}/s\n${formatTable(columns, rows)}`;
}

// `cistern status` shows the health and the counters of the whole cache, and lists its nodes.
import type { NodeList, Overview } from '@cistern/admin';
import type { Command } from 'commander';
import { createAdminClient } from '../admin/admin-client.ts';
import { addAdminCommand, type ReportOptions } from '../admin/admin-command.ts';
import { describeHealth, describeProblems } from '../admin/describe-problems.ts';
import { formatBytes, formatDuration, formatTable, formatTime } from '../terminal/format.ts';
import { printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

const unhealthyExitCode = 2;
const exitCodes = `
Exit codes: 0 no critical problem; 1 the request to the cache failed, with the reason on standard error; 2 a critical problem.`;

export function addStatus(program: Command, terminal: Terminal): void {
  addAdminCommand(program, 'status')
    .description('Show the health and counters of the cache, and its nodes')
    .addHelpText('after', exitCodes)
    .action((options: ReportOptions) => printStatus(options, terminal));
}

async function printStatus(options: ReportOptions, terminal: Terminal): Promise<void> {
  const cache = createAdminClient(options, terminal);
  const overview = await cache.fetch<Overview>('/v1/overview');
  const { nodes } = await cache.fetch<NodeList>('/v1/nodes');
  const describe = () => {
    const nowMs = Date.now();
    const blocks = [
      describeOverview(overview),
      describeProblems(overview.problems, nowMs),
      `${describeNodes(nodes, nowMs)}${describeConfigurations(nodes)}`,
    ];
    return blocks.filter((block) => block !== '').join('\n');
  };
  printAnswer(terminal, options, { overview, nodes }, describe);
  if (!overview.healthy) terminal.exitCode = unhealthyExitCode;
}

function describeOverview({ version, cache, fills, since, requests, bytes, ...rest }: Overview): string {
  const { upstreamCalls, latencyMs, view } = rest;
  const { total, hits, joined, stale, revalidated, misses, errors } = requests;
  const served = hits + joined + stale + revalidated;
  const share = served === 0 ? '' : ` (${Math.round((served / (served + misses)) * 100)} % from the cache)`;
  const rows = [
    ['cistern', version],
    ['health', describeHealth(rest)],
    ...(view.isCurrent ? [] : [['view', describeView(view)]]),
    ['cached', `${cache.blobs} blobs, ${formatBytes(cache.bytes)}${describeLimit(cache.maxBytes)}`],
    ['since', formatTime(since)],
    ['requests', `${total}${share}: ${hits} hit, ${joined} joined, ${stale} stale, ${revalidated} revalidated`],
    ['', `${misses} missed, ${errors} failed`],
    ['bytes', `${formatBytes(bytes.served)} to clients, ${formatBytes(bytes.fetched)} from upstreams`],
    ['upstreams', `${upstreamCalls.total} calls, ${upstreamCalls.saved} saved`],
    [
      'latency',
      latencyMs === null ? 'no request in the last minute' : `p50 ${latencyMs.p50} ms, p99 ${latencyMs.p99} ms`,
    ],
    ['fetching', `${fills} blobs`],
  ];
  return rows.map(([name = '', value = '']) => `${name.padEnd(9)}  ${value}\n`).join('');
}

function describeView({ asOf }: Overview['view']): string {
  if (asOf === null) return 'none, because the index is unavailable';
  return `as of ${formatTime(asOf)} UTC, because the index is unavailable`;
}

function describeLimit(maxBytes: number | null): string {
  return maxBytes === null ? '' : `, limit ${formatBytes(maxBytes)}`;
}

function describeNodes(nodes: NodeList['nodes'], nowMs: number): string {
  const columns = [
    'NODE',
    'ROLE',
    'VERSION',
    { numeric: 'UP' },
    { numeric: 'REQUESTS' },
    { numeric: 'JOBS' },
    { numeric: 'FILLS' },
    { numeric: 'MEMORY' },
  ];
  const running = nodes.filter(({ state }) => state === 'running');
  const rows = running.map(({ name, role, version, startedAt, inFlight, jobs, fills, rssBytes }) => [
    name,
    role,
    version,
    formatDuration(nowMs - startedAt),
    String(inFlight),
    String(jobs),
    String(fills),
    formatBytes(rssBytes),
  ]);
  const ended = nodes.filter(({ state }) => state !== 'running');
  const lines = ended.map(
    ({ name, role, state, seenAt }) => `${name} (${role}) ${state} ${formatDuration(nowMs - seenAt)} ago`,
  );
  return formatTable(columns, rows) + (lines.length === 0 ? '' : `\n${lines.join('\n')}\n`);
}

/** Names the nodes that need a restart. Returns an empty string if there are none. */
function describeConfigurations(nodes: NodeList['nodes']): string {
  const lines = nodes.flatMap(({ name, configuration }) => {
    const keys = configuration?.needsRestart ?? [];
    return keys.length === 0 ? [] : [`${name} needs a restart, because its file has new values of ${keys.join(', ')}.`];
  });
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

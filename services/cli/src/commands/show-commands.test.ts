// own-process: it sends signals to its own process

// Tests the commands that show the state of the whole cache, with a fake server of the admin API.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type CommandOptions, runCommand } from '../testing/start-command.ts';

const minute = 60_000;
const overview = {
  version: '1.2.3',
  healthy: true,
  parts: { index: 'ok', store: 'ok' },
  problems: [],
  view: { asOf: 1_000, isCurrent: true },
  cache: { blobs: 12, bytes: 34_000_000_000, maxBytes: 500_000_000_000, manifests: null },
  fills: 1,
  since: 0,
  requests: { total: 100, hits: 60, joined: 10, stale: 5, revalidated: 5, misses: 19, errors: 1 },
  bytes: { served: 5_000_000, fetched: 70_000 },
  upstreamCalls: { total: 30, saved: 75 },
  latencyMs: { p50: 1.2, p99: 80 },
};
const problem = { reason: 'No such bucket.', works: 'Nothing.', mend: 'Create it.', since: Date.now() - 5 * minute };
const nodes = () => [
  {
    id: 'id',
    name: 'worker-1:5002',
    role: 'worker',
    version: '1.2.3',
    startedAt: Date.now() - 5 * minute,
    seenAt: Date.now(),
    inFlight: 0,
    jobs: 3,
    fills: 1,
    rssBytes: 150_000_000,
    state: 'running',
  },
];
const fill = {
  digest: `sha256:${'0123456789abcdef'.repeat(4)}`,
  upstream: 'docker.io',
  repository: 'library/nginx',
  kind: 'blob',
  class: 'interactive',
  node: 'worker-1:5002',
  bytes: 25_000_000,
  size: 100_000_000,
  readers: 2,
  startedAt: 0,
  bytesPerSecond: 5_000_000,
};

/** Starts a server with these responses by path. Returns a function that runs a command with the URL of this server. */
async function startAnswers(t: TestContext, answers: Readonly<Record<string, () => object>>) {
  const server = createServer(({ url = '' }, response) => {
    const answer = answers[url];
    response.writeHead(answer === undefined ? 503 : 200);
    response.end(JSON.stringify(answer?.() ?? { message: 'Redis is unavailable.' }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return (command: string, { args = [], ...options }: RunOptions = {}) =>
    runCommand([command, '--url', url, ...args], options);
}

interface RunOptions extends CommandOptions {
  readonly args?: readonly string[];
}

test('status shows the health of the cache and its nodes, and reports a failing part by its exit code', async (t) => {
  let now: object = overview;
  const lost = { ...nodes()[0], name: 'worker-2:5002', state: 'lost', seenAt: Date.now() - 7 * minute };
  const run = await startAnswers(t, { '/v1/overview': () => now, '/v1/nodes': () => ({ nodes: [...nodes(), lost] }) });
  const well = await run('status');
  assert.equal(well.code, 0);
  assert.match(well.stdout, /^cached {5}12 blobs, 34.0 GB, limit 500 GB$/m);
  assert.match(well.stdout, /^requests {3}100 \(81 % from the cache\): 60 hit, 10 joined, 5 stale, 5 revalidated$/m);
  assert.match(well.stdout, /^latency {4}p50 1.2 ms, p99 80 ms$/m);
  assert.match(well.stdout, /^worker-1:5002 {2}worker {2}1\.2\.3 {4}5 min {9}0 {5}3 {6}1 {2}150 MB$/m);
  assert.match(well.stdout, /\n\nworker-2:5002 \(worker\) lost 7 min ago\n$/);
  assert.match(well.stdout, /^health {5}ok: index, store$/m);
  now = {
    ...overview,
    healthy: false,
    parts: { index: 'ok', store: 'No such bucket.' },
    problems: [
      { ...problem, kind: 'store-unavailable', part: 'store', severity: 'critical', subject: null, node: null },
      { ...problem, kind: 'clock-off', part: 'clock', severity: 'warning', subject: 'a', node: 'worker-1:5002' },
    ],
    view: { asOf: 1_000, isCurrent: false },
    latencyMs: null,
  };
  const ill = await run('status');
  assert.equal(ill.code, 2);
  assert.match(ill.stdout, /^health {5}critical: store; warning: clock$/m);
  assert.match(ill.stdout, /^view {7}as of 1970-01-01 00:00:01 UTC, because the index is unavailable$/m);
  const block =
    /^CRITICAL store: No such bucket\.\n {2}since {2}.* UTC \(5 min\)\n {2}works {2}Nothing\.\n {2}to do {2}Create it\.$/m;
  assert.match(ill.stdout, block);
  assert.match(ill.stdout, /^WARNING clock a on worker-1:5002: No such bucket\.$/m);
  const { stdout } = await run('status', { args: ['--json'] });
  assert.partialDeepStrictEqual(JSON.parse(stdout), { overview: now, nodes: [{ name: 'worker-1:5002' }] });
});

test('status names settings that need a restart', async (t) => {
  const [worker] = nodes();
  const configured = [
    { ...worker, name: 'a:5000', configuration: { differs: true, needsRestart: [] } },
    { ...worker, name: 'b:5000', configuration: { differs: true, needsRestart: ['http.addr', 'redis.addrs'] } },
    { ...worker, name: 'c:5000', configuration: { differs: false, needsRestart: [] } },
    { ...worker, name: 'old:5000', configuration: null },
  ];
  const run = await startAnswers(t, { '/v1/overview': () => overview, '/v1/nodes': () => ({ nodes: configured }) });
  const { code, stdout } = await run('status');
  assert.equal(code, 0);
  assert.match(stdout, /\n\nb:5000 needs a restart, because its file has new values of http\.addr, redis\.addrs\.\n$/);
});

test('reload prints a row for each node, and exits with 2 if a node did not reload', async (t) => {
  const applied = { name: 'a:5000', role: 'frontend', result: 'applied', reason: null, needsRestart: ['http.addr'] };
  let answered: readonly object[] = [applied, { ...applied, name: 'b:5002', result: 'unchanged', needsRestart: [] }];
  const run = await startAnswers(t, { '/v1/reload': () => ({ nodes: answered }) });
  assert.deepEqual(await run('reload'), {
    code: 0,
    stdout: [
      'NODE    ROLE      RESULT     NEEDS RESTART',
      'a:5000  frontend  applied    http.addr',
      'b:5002  frontend  unchanged',
      '',
    ].join('\n'),
    stderr: '',
  });
  const failed = { ...applied, result: 'rejected', reason: 'config.yml has a problem', needsRestart: [] };
  for (const node of [failed, { ...failed, result: 'no answer', reason: null }]) {
    answered = [applied, node];
    assert.equal((await run('reload')).code, 2);
  }
  answered = [failed];
  assert.match((await run('reload')).stdout, /rejected\n\na:5000: config\.yml has a problem\n$/);
});

test('inflight prints the table once, or each second on a terminal until it is interrupted', async (t) => {
  let asked = 0;
  const run = await startAnswers(t, {
    '/v1/fills': () => {
      asked += 1;
      return asked === 1 ? { fills: [], total: 0 } : { fills: [{ ...fill, startedAt: Date.now() - minute }], total: 1 };
    },
  });
  assert.equal((await run('inflight')).stdout, 'Nothing is being fetched.\n');
  const { stdout } = await run('inflight');
  assert.match(stdout, /^1 in flight, 5\.00 MB\/s\n/);
  assert.match(
    stdout,
    /^docker\.io\/library\/nginx {2}sha256:0123456789ab {2}25\.0 MB {2}100 MB {2}25 {5}5\.00 MB {7}15 s {8}2 {5}60 s {2}worker-1:5002$/m,
  );
  assert.partialDeepStrictEqual(JSON.parse((await run('inflight', { args: ['--json'] })).stdout), {
    fills: [fill.digest].map((digest) => ({ digest })),
  });
  let drawn = 0;
  const live = await run('inflight', {
    rows: 10,
    onWrite(text) {
      if (!text.includes('library/nginx')) return;
      drawn += 1;
      if (drawn === 2) process.emit('SIGINT');
    },
  });
  assert.equal(live.code, 0);
  assert.ok(live.stdout.startsWith('\u001B[?1049h') && live.stdout.endsWith('\u001B[?1049l'));
});

test('jobs and budget print tables, or the reason of a failure', async (t) => {
  const queue = { name: 'interactive-blob', waiting: 4, active: 3, delayed: 2, failed: 1, oldestWaitingMs: 5 * minute };
  const failure = {
    queue: 'background-short',
    name: 'prewarm-tag',
    reason: 'The upstream is unavailable.',
    count: 3,
    at: 0,
  };
  const account = {
    upstream: 'docker.io',
    account: 'robot',
    remaining: 9,
    limit: 100,
    reserve: 20,
    resetsAt: 0,
    backedOffUntil: null,
  };
  const answers: Record<string, () => object> = {
    '/v1/jobs': () => ({ queues: [queue], failures: [failure] }),
    '/v1/budget': () => ({ accounts: [account] }),
  };
  const run = await startAnswers(t, answers);
  const jobs = await run('jobs');
  assert.match(jobs.stdout, /^interactive-blob {8}4 {7}3 {8}2 {7}1 {3}5 min$/m);
  assert.match(
    jobs.stdout,
    /^1970-01-01 00:00:00 {6}3 {2}background-short {2}prewarm-tag {2}The upstream is unavailable\.$/m,
  );
  const budget = await run('budget');
  assert.match(budget.stdout, /^docker\.io {2}robot {12}9 {4}100 {7}20 {2}1970-01-01 00:00:00 {2}-$/m);
  answers['/v1/budget'] = () => ({ accounts: [] });
  assert.equal((await run('budget')).stdout, 'No upstream has reported a limit.\n');
  delete answers['/v1/jobs'];
  const { code, stderr, stdout } = await run('jobs');
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /rejected the request: Redis is unavailable\.$/m);
});

test('audit lists actions of operators and rejected clients, page by page', async (t) => {
  const entry = {
    kind: 'refusal',
    at: 0,
    event: 'denied',
    node: 'cache-1:5000',
    user: 'ada',
    address: '192.0.2.1',
    what: 'GET /v2/a/manifests/1',
    about: 'rule 1 denies a',
    status: 403,
  };
  const run = await startAnswers(t, {
    '/v1/audit?limit=50': () => ({ entries: [entry, { ...entry, user: null, about: null, status: null }], before: 7 }),
    '/v1/audit?limit=2&before=7&kind=action': () => ({ entries: [], before: null }),
  });
  const first = await run('audit');
  assert.match(
    first.stdout,
    /^1970-01-01 00:00:00 {2}ada {3}192\.0\.2\.1 {2}denied 403 {2}GET \S+ {2}rule 1 denies a$/m,
  );
  assert.match(first.stdout, /^1970-01-01 00:00:00 {2}- {5}192\.0\.2\.1 {2}denied {6}GET \S+$/m);
  assert.match(first.stderr, /--before 7\n$/);
  const args = ['--kind', 'action', '--limit', '2', '--before', '7'];
  const second = await run('audit', { args });
  assert.deepEqual([second.stdout, second.stderr], ['There are no entries yet.\n', '']);
  const { stdout } = await run('audit', { args: [...args, '--json'] });
  assert.deepEqual(JSON.parse(stdout), { entries: [], before: null });
});

// A cluster whose Redis and S3 can be slowed, and what operators see of it at its admin node.
import assert from 'node:assert/strict';
import { runCommand } from '@cistern/cli/testing/start-command';
import { readMetrics } from '@cistern/single-node/read-metrics';
import { sendRequest } from '@cistern/single-node/send-request';
import type { Owner } from '@cistern/single-node/open-stage';
import { until } from '@cistern/single-node/until';
import { freePort, mergeSections, openRelay, startAdminNode, startRedis, startS3 } from '@cistern/test-servers';
import type { FakeUpstreamOptions } from '@cistern/fake-upstream';
import { startPrometheus } from '@cistern/monitoring/start-prometheus';
import { openClusterRig } from './open-cluster-rig.ts';

export interface SeenProblem {
  readonly kind: string;
  readonly part: string;
  readonly subject: string | null;
  readonly severity: 'critical' | 'warning';
  readonly reason: string;
  readonly works: string;
  readonly mend: string;
}

interface DrillOptions {
  readonly upstream?: FakeUpstreamOptions;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Operators should see a problem within this time. The tests print how long it took, and wait longer. */
const patienceMs = 45_000;

/** The alert of each kind of problem. */
const alertOf: Readonly<Record<string, string>> = {
  'index-unavailable': 'CisternPartDown',
  'index-full': 'CisternPartDown',
  'index-slow': 'CisternDegraded',
  'store-unavailable': 'CisternPartDown',
  'store-slow': 'CisternDegraded',
  'no-worker': 'CisternPartDown',
  'node-lost': 'CisternDegraded',
  'spool-full': 'CisternDegraded',
  'versions-mixed': 'CisternMixedVersions',
  'clock-off': 'CisternClockOff',
  'certificate-expires': 'CisternCertificateExpires',
  'upstream-failing': 'CisternUpstreamFailing',
  'upstream-throttled': 'CisternUpstreamThrottles',
  'upstream-mismatch': 'CisternContentMismatch',
  'credentials-refused': 'CisternUpstreamRefusesCredentials',
};

/** Opens two frontends, two workers and an admin node, which end with their owner. */
export async function openDrill(owner: Owner, { upstream, config = {} }: DrillOptions = {}) {
  const [redis, s3] = await Promise.all([startRedis(), startS3()]);
  owner.after(() => Promise.all([redis.close(), s3.close()]));
  const [slowRedis, slowS3] = await Promise.all([
    openRelay(owner, redis.port),
    openRelay(owner, Number(new URL(s3.endpoint).port)),
  ]);
  const rig = await openClusterRig(owner, {
    ...(upstream && { upstream }),
    cluster: {
      frontends: 2,
      workers: 2,
      redis: { ...redis, port: slowRedis.port, url: `redis://127.0.0.1:${slowRedis.port}` },
      s3: { ...s3, endpoint: `http://127.0.0.1:${slowS3.port}` },
      // Operators see a Redis that hangs within this time, which is the default.
      config: mergeSections({ redis: { commandtimeout: '1500ms' } }, config),
    },
  });
  const admin = await startAdminNode(rig.cluster);
  owner.after(() => admin.stop());
  // The port of metrics for another node that a test starts.
  const extraDebugPort = await freePort();
  const prometheus = await startPrometheus({
    admin: portsOf([admin]),
    frontend: portsOf(rig.cluster.frontends),
    worker: portsOf(rig.cluster.workers),
    extra: [`127.0.0.1:${extraDebugPort}`],
  });
  owner.after(() => prometheus.close());
  const status = (...args: readonly string[]) =>
    runCommand(['status', '--config', rig.cluster.configFile, '--url', admin.url, ...args]);

  async function problems(): Promise<readonly SeenProblem[]> {
    const { stdout, stderr } = await status('--json');
    if (stdout === '') throw new Error(stderr);
    return (JSON.parse(stdout) as { readonly overview: { readonly problems: readonly SeenProblem[] } }).overview
      .problems;
  }

  async function pendingAlerts(): Promise<ReadonlySet<string | undefined>> {
    return new Set((await prometheus.query('ALERTS')).map(({ metric: { alertname } }) => alertname));
  }

  /**
   * Resolves when the API, the command, `/readyz` and the metrics of the admin node show exactly these kinds of problems. An alert
   * of each must be pending. Checks that each has a cause and a mend. Resolves to the problems.
   */
  async function untilSeen(kinds: readonly string[]): Promise<readonly SeenProblem[]> {
    const wanted = kinds.toSorted();
    let seen: readonly SeenProblem[] = [];
    const isWanted = (found: readonly { readonly kind: string }[]) =>
      JSON.stringify(found.map(({ kind }) => kind).toSorted()) === JSON.stringify(wanted);
    const describe = () =>
      `${wanted.join(', ')} instead of ${seen.map(({ kind, reason }) => `${kind}: ${reason}`).join('; ')}`;
    await until('the API shows the problems', async () => isWanted((seen = await problems())), patienceMs).catch(
      (error: unknown) => assert.fail(`${String(error)}: ${describe()}`),
    );
    await until('/readyz agrees', async () => isWanted(await fromReadiness(admin)), patienceMs);
    await until('the metrics agree', async () => isWanted(await fromMetrics(admin)), patienceMs);
    await until(
      'the alerts are pending',
      async () => {
        const pending = await pendingAlerts();
        return kinds.every((kind) => pending.has(alertOf[kind] ?? assert.fail(`${kind} has no alert`)));
      },
      patienceMs,
    );
    const { code, stdout } = await status();
    assert.equal(code, seen.some(({ severity }) => severity === 'critical') ? 2 : 0, stdout);
    for (const { reason, works, mend } of seen)
      for (const text of [works, mend]) {
        assert.match(reason, /[.!]$/);
        assert.ok(stdout.includes(text), `${text} is not in\n${stdout}`);
      }
    return seen;
  }

  return { ...rig, admin, redis, s3, slowRedis, slowS3, extraDebugPort, untilSeen };
}

function portsOf(nodes: readonly { readonly debugPort: number }[]): string[] {
  return nodes.map(({ debugPort }) => `127.0.0.1:${debugPort}`);
}

async function fromReadiness({ metricsUrl }: { readonly metricsUrl: string }) {
  const { body } = await sendRequest(`${metricsUrl}/readyz`);
  return (JSON.parse(body.toString()) as { readonly problems: readonly SeenProblem[] }).problems;
}

/** Reads the problems from the metrics, and checks that a part is down only if it has a critical problem. */
async function fromMetrics(node: { readonly metricsUrl: string }) {
  const metrics = await readMetrics(node);
  const found = [...metrics.keys()].flatMap((series) => {
    const labels = /^cistern_problem_since_timestamp_seconds\{(.*)\}$/.exec(series)?.[1];
    if (labels === undefined) return [];
    const of = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
    return [{ kind: of('kind'), part: of('part'), severity: of('severity') }];
  });
  const down = [...metrics].filter(([series, value]) => series.startsWith('cistern_part_up{') && value === 0);
  const expected = new Set(found.filter(({ severity }) => severity === 'critical').map(({ part }) => part));
  assert.deepEqual(new Set(down.map(([series]) => /part="([^"]*)"/.exec(series)?.[1])), expected);
  return found;
}

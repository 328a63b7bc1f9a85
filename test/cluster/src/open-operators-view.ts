// The views that operators have of a cache: the API, the command, `/readyz`, metrics, alerts and the console. All must agree.
// real-time: prints how long each of them took; nothing asserts it
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { runCommand } from '@cistern/cli/testing/start-command';
import { readMetrics } from '@cistern/single-node/read-metrics';
import { sendRequest } from '@cistern/single-node/send-request';
import type { Owner } from '@cistern/single-node/open-stage';
import { createUntil } from '@cistern/test-servers';
import { startPrometheus } from '@cistern/monitoring/start-prometheus';
import { type ConsoleAccess, type ConsoleView, findDifference, openConsoleView } from './open-console-view.ts';

export interface SeenProblem {
  readonly kind: string;
  readonly part: string;
  readonly subject: string | null;
  readonly severity: 'critical' | 'warning';
  readonly reason: string;
  readonly works: string;
  readonly mend: string;
  readonly node: string | null;
}

export interface OperatorsViewOptions {
  /** The arguments of commands that name the cache. */
  readonly args: readonly string[];
  /** The URL of `/readyz` and the metrics of the admin node or of the single process. */
  readonly metricsUrl: string;
  readonly console: ConsoleAccess;
  /** As for `startPrometheus`. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
}

export interface OperatorsView {
  readonly console: ConsoleView;
  /**
   * Resolves when the API, the command, `/readyz`, the metrics and the console show exactly these kinds of problems. An alert of
   * each must be pending. Checks that each has a cause and a mend, and that the console shows the texts of the API and nothing
   * else that is red. Prints the times in `t`. Resolves to the problems.
   */
  untilSeen(kinds: readonly string[], t?: Pick<TestContext, 'diagnostic'>): Promise<readonly SeenProblem[]>;
}

/** Operators should see a problem within 15 seconds. The tests print how long it took, and wait longer. */
const patienceMs = 45_000;
/** Each look costs the machine some work, which the cache needs. */
const until = createUntil(100);

/** The alerts of kinds of problems that have their own. */
const alertOf: Readonly<Record<string, string>> = {
  'versions-mixed': 'CisternMixedVersions',
  'clock-off': 'CisternClockOff',
  'certificate-expires': 'CisternCertificateExpires',
  'upstream-failing': 'CisternUpstreamFailing',
  'upstream-throttled': 'CisternUpstreamThrottles',
  'upstream-mismatch': 'CisternContentMismatch',
  'credentials-refused': 'CisternUpstreamRefusesCredentials',
};

/** Opens the views of a running cache. They end with their owner. */
export async function openOperatorsView(owner: Owner, options: OperatorsViewOptions): Promise<OperatorsView> {
  const [console, prometheus] = await Promise.all([
    openConsoleView(owner, options.console),
    startPrometheus(options.targets),
  ]);
  owner.after(() => prometheus.close());
  const status = (...args: readonly string[]) => runCommand(['status', ...options.args, ...args]);

  /** Resolves to the problems of the API. Checks the command's exit code. */
  async function problems(): Promise<readonly SeenProblem[]> {
    const { code, stdout, stderr } = await status('--json');
    if (stdout === '') throw new Error(stderr);
    const { overview } = JSON.parse(stdout) as { readonly overview: { readonly problems: readonly SeenProblem[] } };
    assert.equal(code, overview.problems.some(({ severity }) => severity === 'critical') ? 2 : 0, stdout);
    return overview.problems;
  }

  async function findMissingAlert(seen: readonly SeenProblem[]): Promise<string | undefined> {
    const pending = new Set((await prometheus.query('ALERTS')).map(({ metric: { alertname } }) => alertname));
    return seen
      .map(({ kind, severity }) => alertOf[kind] ?? (severity === 'critical' ? 'CisternPartDown' : 'CisternDegraded'))
      .find((alert) => !pending.has(alert));
  }

  async function untilSeen(kinds: readonly string[], t?: Pick<TestContext, 'diagnostic'>) {
    const startedAtMs = performance.now();
    const times: string[] = [];
    let seen: readonly SeenProblem[] = [];
    const differenceOf = (found: readonly { readonly kind: string }[]) =>
      isSame(kinds, found) ? undefined : `${JSON.stringify(found)} instead of ${kinds.join(', ')}`;

    async function untilAgreed(view: string, difference: () => Promise<string | undefined>): Promise<void> {
      let last: string | undefined;
      await until(`${view} shows it`, async () => (last = await difference()) === undefined, patienceMs).catch(
        (error: unknown) => assert.fail(`${String(error)}: ${last}`),
      );
      times.push(`${view} ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
    }

    const agreed = [
      untilAgreed('status', async () => differenceOf(await problems())),
      untilAgreed('/readyz', async () => differenceOf(await fromReadiness(options))),
      untilAgreed('metrics', async () => differenceOf(await fromMetrics(options))),
      untilAgreed('console', async () => {
        const shown = await console.read();
        seen = await problems();
        return differenceOf(seen) ?? findDifference(shown, seen);
      }),
    ];
    await Promise.allSettled(agreed);
    await Promise.all(agreed);
    await untilAgreed('alerts', async () => findMissingAlert((seen = await problems())));
    t?.diagnostic(`${kinds.length === 0 ? 'well again' : 'seen'} after: ${times.join(', ')}`);
    for (const { kind, severity, reason } of seen) t?.diagnostic(`${severity} ${kind}: ${reason}`);
    const { stdout } = await status();
    for (const { reason, works, mend } of seen) {
      assert.match(reason, /[.!]$/);
      for (const text of [works, mend]) assert.ok(stdout.includes(text), `${text} is not in\n${stdout}`);
    }
    return seen;
  }

  return { console, untilSeen };
}

function isSame(kinds: readonly string[], found: readonly { readonly kind: string }[]): boolean {
  return JSON.stringify(found.map(({ kind }) => kind).toSorted()) === JSON.stringify(kinds.toSorted());
}

async function fromReadiness({ metricsUrl }: Pick<OperatorsViewOptions, 'metricsUrl'>) {
  const { body } = await sendRequest(`${metricsUrl}/readyz`);
  return (JSON.parse(body.toString()) as { readonly problems: readonly { readonly kind: string }[] }).problems;
}

/** Reads the problems from the metrics, and checks that a part is down only if it has a critical problem. */
async function fromMetrics(node: Pick<OperatorsViewOptions, 'metricsUrl'>) {
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

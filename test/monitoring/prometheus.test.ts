// Runs the expressions of dashboards and rules on the real Prometheus with a busy cluster. Each expression is valid,
// has a result, and names existing metrics and labels.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openUpstream } from '@cistern/single-node/open-stage';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import {
  ensureDebianPackages,
  makeCertificateFiles,
  startAdminNode,
  startCistern,
  startCluster,
} from '@cistern/test-servers';
import { infra } from './src/infra.ts';
import { fillVariables } from './src/render/answer-dashboard.ts';
import {
  panelExpressions,
  readAlertLabels,
  readDashboards,
  readRules,
  selectorsOf,
  testedAlerts,
} from './src/read-expressions.ts';
import { startPrometheus } from './src/start-prometheus.ts';

const run = promisify(execFile);
const hostOf = ({ metricsUrl }: { readonly metricsUrl: string }) => new URL(metricsUrl).host;
const filledIn = (expression: string) =>
  fillVariables(expression, { job: '.+', rangeSeconds: 60, rateSeconds: 5 })
    // A condition leaves out series that are zero while all is well.
    .replaceAll(/ >=? 0\b(?!\.)/g, '');
const account = { username: 'fleet', password: 'fleet’s' };

test('promtool accepts the rules, and their unit tests pass', async () => {
  await ensureDebianPackages(['prometheus']);
  await run('promtool', ['check', 'rules', 'rules/recording.yml', 'rules/alerts.yml'], {
    cwd: join(infra, 'prometheus'),
  });
  await run('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: join(infra, 'prometheus') });
});

test('every alert has a section that says what to do, and a unit test', async () => {
  const runbook = await readFile(join(infra, '../docs/operations.md'), 'utf8');
  const tested = await testedAlerts();
  for (const { by } of await readRules('alerts.yml')) {
    assert.ok(runbook.includes(`\n### ${by}\n`), by);
    assert.ok(
      tested.some(({ alertname }) => alertname === by),
      by,
    );
  }
});

test('labels in the texts of an alert are labels of its series', async () => {
  const tested = await testedAlerts();
  for (const { alert, label } of await readAlertLabels()) {
    const fired = tested.filter(({ alertname }) => alertname === alert);
    assert.ok(
      fired.some((labels) => labels[label] !== undefined),
      `${alert}: ${label}`,
    );
  }
});

test('every panel has a description and a unit', async () => {
  const dashboards = await readDashboards();
  assert.equal(new Set(dashboards.map(({ uid }) => uid)).size, dashboards.length);
  for (const { title, panels } of dashboards)
    for (const panel of panels.filter(({ type }) => type !== 'row')) {
      assert.ok(panel.description, `${title} / ${panel.title}`);
      assert.ok(panel.fieldConfig?.defaults.unit, `${title} / ${panel.title}`);
    }
});

test('every expression has a result on a busy cluster', { timeout: 180_000 }, async () => {
  const upstream = await openUpstream(
    { after },
    { rateLimit: { limit: 1000 }, auth: { kind: 'bearer', accounts: [account] } },
  );
  const images = [1, 2, 3].map((number) =>
    upstream.addImage(`library/app-${number}`, { tag: 'latest', layers: [{ size: 200_000, seed: number }] }),
  );
  const cluster = await startCluster({
    frontends: 2,
    upstreams: { 'docker.io': upstream.url },
    config: { upstreams: { 'docker.io': account } },
    env: { REGISTRY_STORAGE_MAXBYTES: '10GiB' },
  });
  after(() => cluster.close());
  const admin = await startAdminNode(cluster);
  after(() => admin.stop());
  // Only a node with TLS has these metrics.
  const files = await makeCertificateFiles(dirname(cluster.configFile));
  const single = await startCistern({
    config: {
      http: { tls: { certificate: files.certFile, key: files.keyFile } },
      upstreams: { a: { url: upstream.url } },
    },
  });
  after(() => single.stop());

  const prometheus = await startPrometheus({
    frontend: [...cluster.frontends, single].map(hostOf),
    worker: cluster.workers.map(hostOf),
    admin: [hostOf(admin)],
    haproxy: [new URL(cluster.haproxy.statisticsUrl).host],
    s3: [new URL(cluster.s3.endpoint).host],
  });
  after(() => prometheus.close());

  let isWorking = true;
  const working = (async () => {
    for (let turn = 0; isWorking; turn += 1) {
      const [number, image] = [(turn % images.length) + 1, images[turn % images.length]!];
      const base = `${cluster.url}/v2/library/app-${number}`;
      await sendRequest(`${base}/manifests/latest`);
      for (const { digest } of [image.config, ...image.layers]) await sendRequest(`${base}/blobs/${digest}`);
      // real-time: paces the load that the metrics measure
      await delay(50);
    }
  })();
  // A target that could not be scraped in time has no value until the next second.
  const answerTo = async (expression: string, by: string) => {
    let found: Awaited<ReturnType<typeof prometheus.query>> = [];
    const isThere = async () => (found = await prometheus.query(expression)).length > 0;
    await until(`${by}: ${expression}`, isThere, 60_000);
    return found;
  };
  const onlyInTrouble = 'cistern_problem_since_timestamp_seconds';
  try {
    await answerTo('cistern:hit_ratio:requests5m', 'recording rules have run');
    for (const { by, expression } of [...(await panelExpressions()), ...(await readRules('recording.yml'))])
      await answerTo(filledIn(expression), by);
    for (const { by, expression } of await readRules('alerts.yml')) {
      await prometheus.query(expression);
      for (const selector of selectorsOf(expression))
        if (!selector.startsWith(onlyInTrouble)) await answerTo(selector, by);
    }
    for (const role of ['frontend', 'worker', 'admin', 'standalone'])
      await answerTo(`cistern_nodes{role="${role}"} > 0`, 'every node is counted');
    for (const { title, templating } of await readDashboards())
      for (const { name, definition } of templating.list) {
        if (definition === undefined) continue;
        const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(definition) ?? [];
        const found = await answerTo(filledIn(selector), `${title}: ${name}`);
        assert.ok(
          found.every(({ metric }) => metric[label] !== undefined),
          `${title}: ${name}`,
        );
      }
  } finally {
    isWorking = false;
    await working;
  }
});

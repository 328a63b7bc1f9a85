// `npm run dashboards`: draws the dashboards with Grafana's own components. With `--prometheus` it shows a cache that runs.
// Without, it makes the pictures of docs/dashboards and docs/console.png: it starts a cluster, without traffic, with traffic, and in an outage.
// real-time: the pictures show some minutes
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readDashboards } from '../read-expressions.ts';
import { answerDashboard, type Times } from '../render/answer-dashboard.ts';
import { openRenderer, type Renderer } from '../render/open-renderer.ts';
import { type PrometheusApi, prometheusApi } from '../render/prometheus-api.ts';
import { shrinkPicture } from '../render/shrink-picture.ts';
import { openSite, operator, type Site } from './open-site.ts';
import { startTraffic } from './start-traffic.ts';

const { values } = parseArgs({
  options: {
    prometheus: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    output: { type: 'string', default: 'docs/dashboards' },
  },
});
const root = resolve(import.meta.dirname, '../../../..');
const output = resolve(root, values.output);
const steps = 300;
const scrapeSeconds = 2;
const nowSeconds = () => Math.floor(Date.now() / 1000);
const progress = (text: string) => process.stderr.write(`${text}\n`);

const renderer = await openRenderer();
try {
  await mkdir(output, { recursive: true });
  if (values.prometheus === undefined) await drawSituations(renderer);
  else {
    const seconds = Number(values.minutes) * 60;
    const rateSeconds = Math.max(60, 4 * Math.ceil(seconds / steps));
    await draw(renderer, prometheusApi(values.prometheus), { ...lastSeconds(seconds), rateSeconds });
  }
} finally {
  await renderer.close();
}

function lastSeconds(seconds: number) {
  const stepSeconds = Math.max(scrapeSeconds, Math.ceil(seconds / steps));
  const toSeconds = Math.floor(nowSeconds() / stepSeconds) * stepSeconds;
  return { fromSeconds: toSeconds - seconds, toSeconds, stepSeconds };
}

/** Writes a picture of each dashboard, with a name that ends with `suffix`. */
async function draw(by: Renderer, api: PrometheusApi, times: Times, suffix = ''): Promise<void> {
  for (const dashboard of await readDashboards()) {
    const picture = await by.render(dashboard, await answerDashboard(api, dashboard, times));
    const file = join(output, `${dashboard.uid.replace('cistern-', '')}${suffix}.png`);
    await writeFile(file, await shrinkPicture(picture));
    progress(file);
  }
}

async function drawSituations(by: Renderer): Promise<void> {
  progress('starting a cluster');
  const site = await openSite(scrapeSeconds);
  try {
    const drawLast = (seconds: number, suffix: string) =>
      draw(by, site.prometheus, { ...lastSeconds(seconds), rateSeconds: 16 }, suffix);
    progress('without traffic');
    await delay(130_000);
    await drawLast(120, '-idle');
    progress('with traffic');
    const traffic = startTraffic(site.cluster.url, site.upstreams, 1);
    try {
      await delay(60_000);
      const picture = await by.photograph(`${site.admin.url}/console/`, operator);
      await writeFile(join(output, '../console.png'), await shrinkPicture(picture));
      await delay(200_000);
      await drawLast(300, '');
      progress('outage');
      await causeOutage(site);
      await drawLast(360, '-outage');
    } finally {
      await traffic.stop();
    }
  } finally {
    await site.close();
  }
}

/** An upstream fails, then a worker, the store and Redis. At the end Redis and a worker are still down. */
async function causeOutage({ cluster, upstreams }: Site): Promise<void> {
  await delay(30_000);
  await upstreams['docker.io'].refuseConnections();
  await delay(60_000);
  await cluster.workers[1]?.kill();
  await cluster.s3.stop();
  await delay(75_000);
  await cluster.s3.start();
  await upstreams['docker.io'].acceptConnections();
  await delay(45_000);
  await cluster.redis.kill();
  await delay(90_000);
}

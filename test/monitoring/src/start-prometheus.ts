// Starts the real Prometheus with this project's rules, for processes under test.
import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianPackages, freePort, startProcess } from '@cistern/test-servers';
import { infra } from './infra.ts';
import { type PrometheusApi, prometheusApi } from './render/prometheus-api.ts';

export interface Prometheus extends PrometheusApi {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  close(): Promise<unknown>;
}

/** `targets` are `host:port` by job. It scrapes and evaluates every `seconds`. All targets have the labels `cluster` and `namespace`. The caller closes it. */
export async function startPrometheus(
  targets: Readonly<Record<string, readonly string[]>>,
  seconds = 1,
): Promise<Prometheus> {
  await ensureDebianPackages(['prometheus']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-prometheus-'));
  await cp(join(infra, 'prometheus/rules'), join(directory, 'rules'), { recursive: true });
  for (const file of await readdir(join(directory, 'rules'))) {
    const path = join(directory, 'rules', file);
    await writeFile(path, (await readFile(path, 'utf8')).replace(/^ {4}interval: .*$/m, `    interval: ${seconds}s`));
  }
  const labels = { cluster: 'test', namespace: 'cistern' };
  const jobs = Object.entries(targets).map(([job, addresses]) => ({
    job_name: job,
    static_configs: [{ targets: addresses, labels }],
  }));
  const interval = `${seconds}s`;
  const global = { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval };
  const configuration = { global, rule_files: ['rules/*.yml'], scrape_configs: jobs };
  // JSON is valid YAML.
  await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(configuration));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startProcess({
    command: 'prometheus',
    args: [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    ready: { http: `${url}/-/ready` },
    removeAfter: [directory],
  });
  return {
    url,
    ...prometheusApi(url),
    close: () => server.stop(),
  };
}

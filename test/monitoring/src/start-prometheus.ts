// Starts the real Prometheus with this project's rules, for processes under test.
import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianPackages, freePort, startProcess } from '@cistern/test-servers';
import { infra } from './infra.ts';

/** A value of an instant vector. */
interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [atSeconds: number, value: string];
}

export interface Prometheus {
  /** Rejects with Prometheus' error message for an invalid expression. */
  query(expression: string): Promise<readonly Sample[]>;
  close(): Promise<unknown>;
}

/** `targets` are `host:port` by job. It scrapes and evaluates every second. The caller closes it. */
export async function startPrometheus(targets: Readonly<Record<string, readonly string[]>>): Promise<Prometheus> {
  await ensureDebianPackages(['prometheus']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-prometheus-'));
  await cp(join(infra, 'prometheus/rules'), join(directory, 'rules'), { recursive: true });
  for (const file of await readdir(join(directory, 'rules'))) {
    const path = join(directory, 'rules', file);
    await writeFile(path, (await readFile(path, 'utf8')).replace(/^ {4}interval: .*$/m, '    interval: 1s'));
  }
  const jobs = Object.entries(targets).map(([job, addresses]) => ({
    job_name: job,
    static_configs: [{ targets: addresses }],
  }));
  const global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
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
    async query(expression) {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
      const body = (await answer.json()) as { readonly error?: string; readonly data?: { readonly result: Sample[] } };
      if (body.data === undefined) throw new Error(`${expression}: ${body.error}`);
      return body.data.result;
    },
    close: () => server.stop(),
  };
}

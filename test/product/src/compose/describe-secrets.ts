// The test suite for what the service `secrets` of docker-compose.yml creates: the password of the operator, and secrets
// that only their services can read.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { openConsole } from '../console/open-browser.ts';
import type { Engine } from './open-engine.ts';
import type { Project } from './open-project.ts';

export interface SecretsStage {
  readonly engine: Engine;
  readonly project: Project;
}

const mount = '/run/secrets/cistern';
const ofNodes = ['cluster-secret', 'redis-password', 's3-secret-key'];
const readers: Readonly<Record<string, readonly string[]>> = {
  frontend: ofNodes,
  worker: ofNodes,
  admin: [...ofNodes, 'operators'],
  redis: ['redis-password'],
  s3: ['s3-root-password', 's3-secret-key'],
  grafana: ['grafana-password'],
};
const all = [...new Set(Object.values(readers).flat())].toSorted();

export function describeSecrets(open: () => Promise<SecretsStage>): void {
  describe('secrets of the cluster', () => {
    let stage: SecretsStage;
    let password: string;
    before(async () => {
      stage = await open();
      password = (await printedPasswords()).join();
    });
    const printedPasswords = async () => {
      const log = await stage.project.compose(['logs', '--no-color', '--no-log-prefix', 'secrets']);
      return Array.from(log.matchAll(/ password +(\S+)$/gm), ([, found]) => found);
    };
    /** Runs a shell command in the directory of the volume. */
    const inVolume = async (script: string, volume = 'cistern_secrets') => {
      const format = ['volume', 'inspect', '--format', '{{.Mountpoint}}', volume];
      const directory = (await stage.engine.docker(format)).trim();
      return stage.engine.run('sh', ['-c', `cd "$1" && ${script}`, 'sh', directory]);
    };
    const checksums = () => inVolume('sha256sum *');
    const curl = (url: string, ...args: readonly string[]) =>
      stage.engine.run('curl', ['--silent', '--fail', ...args, url]);

    test('the console opens with the printed password, and with no other', async (t) => {
      assert.match(password, /^[a-z2-9]{20}$/);
      const browser = await stage.engine.openBrowser();
      t.after(() => browser.close());
      const url = 'http://localhost:5003';
      const httpCredentials = { username: 'admin', password };
      const { page, offences } = await openConsole(browser, url, { httpCredentials });
      await page.getByText('All well').waitFor();
      assert.deepEqual(offences, []);
      await assert.rejects(curl(`${url}/v1/overview`, '--user', 'admin:another-password'), /failed/);
    });

    test('Grafana has its dashboards, and the same password', async () => {
      const url = 'http://localhost:3000/api/search?type=dash-db';
      const dashboards = JSON.parse(await curl(url, '--user', `admin:${password}`)) as { title: string }[];
      assert.equal(dashboards.length, 5);
      await assert.rejects(curl(url, '--user', 'admin:another-password'), /failed/);
    });

    test('each service can read its own secrets and no others', async () => {
      const format = ['config', '--format', 'json'];
      const { services } = JSON.parse(await stage.project.compose(format)) as {
        services: Record<string, { volumes?: readonly { readonly source?: string }[] }>;
      };
      const mounting = Object.keys(services).filter((name) =>
        services[name]?.volumes?.some(({ source }) => source === 'secrets'),
      );
      assert.deepEqual(mounting.toSorted(), [...Object.keys(readers), 'secrets'].toSorted());
      for (const [service, expected] of Object.entries(readers)) {
        const readable: string[] = [];
        for (const secret of all)
          await stage.project.compose(['exec', '--no-TTY', service, 'cat', `${mount}/${secret}`]).then(
            () => readable.push(secret),
            (error: Error) => assert.match(error.message, /permission denied|EACCES/i, `${service} ${secret}`),
          );
        assert.deepEqual(readable, expected.toSorted(), service);
      }
    });

    test('a second start changes no secret and prints no password', async () => {
      const earlier = await checksums();
      assert.equal(earlier.trim().split('\n').length, all.length);
      await stage.project.compose(['up', '--detach', '--wait', '--wait-timeout', '120']);
      assert.equal(await checksums(), earlier);
      assert.deepEqual(await printedPasswords(), [password]);
    });

    test('secrets of an earlier version are copied, and get their owners', async (t) => {
      const { engine, project } = stage;
      const earlier = join(engine.directory, 'secrets');
      await mkdir(earlier);
      for (const secret of all.filter((name) => name !== 'operators'))
        await writeFile(join(earlier, secret), `earlier ${secret}`, { mode: 0o644 });
      const compose = (...args: readonly string[]) => project.compose(['--project-name', 'earlier', ...args]);
      t.after(() => compose('down', '--volumes'));
      await compose('create', 'secrets');
      await compose('cp', `${earlier}/.`, `secrets:${mount}`);
      await compose('up', '--no-log-prefix', 'secrets');
      const lines = await inVolume(
        'stat --format "%n %u %g %a" * && head --lines 1 [a-n]* redis* s3*',
        'earlier_secrets',
      );
      for (const line of ['cluster-secret 10001 0 400', 'redis-password 999 10001 440', 's3-root-password 0 0 400'])
        assert.ok(lines.split('\n').includes(line), lines);
      for (const secret of [
        'cluster-secret',
        'grafana-password',
        'redis-password',
        's3-root-password',
        's3-secret-key',
      ])
        assert.ok(lines.includes(`earlier ${secret}`), lines);
      assert.match(await compose('logs', '--no-color', 'secrets'), / password +earlier grafana-password$/m);
    });

    test('a new operator can log in without a restart', async () => {
      const run = ['run', '--rm', '--no-TTY', 'secrets', 'user', 'add', `${mount}/operators`, 'ada'];
      await stage.project.compose(run, { input: 'a new password' });
      for (const [name, known] of [
        ['ada', 'a new password'],
        ['admin', password],
      ])
        await curl('http://localhost:5003/v1/overview', '--user', `${name}:${known}`);
    });
  });
}

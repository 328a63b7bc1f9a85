// The test suite for one container: compose.single.yml, and the image on its own.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AddedImage } from '@cistern/fake-upstream';
import { openConsole } from '../console/open-browser.ts';
import type { Engine } from './open-engine.ts';
import { openProject } from './open-project.ts';
import { startStopwatch } from './start-stopwatch.ts';
import { until } from './until.ts';

export interface SingleStage {
  readonly engine: Engine;
  /** The URL of the upstream in the engine's network, and an image of it. */
  readonly upstreamUrl: string;
  readonly image: AddedImage;
  /** Name of Cistern's image. */
  readonly cistern: string;
}

const password = 'a password of eight or more';

export function describeSingle(open: () => Promise<SingleStage>): void {
  describe('one container', () => {
    test('compose.single.yml serves pulls, and the console as soon as its operator has a password', async (t) => {
      const { engine, upstreamUrl, image } = await open();
      const env = { CISTERN_ADDRESS: '127.0.0.1:5300', ADMIN_ADDRESS: '127.0.0.1:5303', TEST_UPSTREAM: upstreamUrl };
      const files = { file: 'compose.single.yml', override: 'override.single.yml' };
      const { compose } = await openProject(engine, files, env);
      t.after(() => compose(['down', '--volumes']));
      const stopwatch = startStopwatch();
      await compose(['up', '--build', '--detach', '--wait', '--wait-timeout', '120']);
      const reference = 'localhost:5300/library/app:1';
      const output = await engine.docker(['pull', reference]);
      t.diagnostic(`compose.single.yml: ${stopwatch()} from the start to the first pull, with a built image`);
      assert.ok(output.includes(image.digest), output);
      await engine.docker(['image', 'rm', reference]);

      const statusOf = async (...args: readonly string[]) => {
        const format = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code}'];
        return engine.run('curl', [...format, ...args, 'http://localhost:5303/v1/overview']);
      };
      assert.equal(await statusOf(), '401');
      const exec = ['exec', '--no-TTY', 'cistern', 'cistern', 'user', 'add', '/var/lib/cistern/operators', 'admin'];
      await compose(exec, { input: password });
      assert.equal(await statusOf('--user', `admin:${password}`), '200');
      const browser = await engine.openBrowser();
      t.after(() => browser.close());
      const httpCredentials = { username: 'admin', password };
      const { page, offences } = await openConsole(browser, 'http://localhost:5303', { httpCredentials });
      await page.getByText('All well').waitFor();
      assert.deepEqual(offences, []);
    });

    test('the image on its own is a cache of one node', async () => {
      const { engine, cistern } = await open();
      const hardened = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges:true'];
      const data = ['--volume', 'alone:/var/lib/cistern', '--publish', '5100:5000'];
      await engine.docker(['run', '--detach', '--name', 'alone', ...hardened, ...data, cistern]);
      const health = ['inspect', '--format', '{{.State.Health.Status}}', 'alone'];
      await until('the container is healthy', async () => (await engine.docker(health)) === 'healthy\n');
      await engine.run('curl', ['--silent', '--fail', 'http://localhost:5100/v2/']);
      await engine.docker(['stop', 'alone']);
      assert.equal(await engine.docker(['inspect', '--format', '{{.State.ExitCode}}', 'alone']), '0\n');
      await engine.docker(['rm', '--volumes', 'alone']);
      await engine.docker(['volume', 'rm', 'alone']);
    });
  });
}

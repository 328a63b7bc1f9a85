// The test suite for the image itself. Docker builds the same files as a release has. The first process of a container
// behaves as an init process must.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { configureImage } from '@cistern/release/image';
import { writeOciArchive } from '@cistern/release/oci-archive';
import { platformOf } from '@cistern/release/platforms';
import { extract } from 'tar-stream';
import type { Engine } from './open-engine.ts';
import { until } from './until.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const platform = platformOf(process.arch === 'x64' ? 'amd64' : process.arch);
const largestBytes = 200_000_000;

export interface ImageStage {
  readonly engine: Engine;
  /** The image that docker built from infra/docker/Dockerfile. */
  readonly built: string;
}

export function describeImage(open: () => Promise<ImageStage>): void {
  describe('the image', () => {
    const released = 'cistern-test-released:1';
    let stage: ImageStage;
    const docker = (...args: readonly string[]) => stage.engine.docker(args);
    const inspect = async (image: string) =>
      (JSON.parse(await docker('image', 'inspect', image)) as { Config: object; Size: number }[])[0]!;

    before(async () => {
      stage = await open();
      const archive = join(stage.engine.directory, 'image.tar');
      await stage.engine.run(
        process.execPath,
        [join(root, 'infra/release/src/main.ts'), '--architecture', platform.architecture, '--image-root', archive],
        { timeoutMs: 300_000 },
      );
      const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
      const config = configureImage(version, 'unknown', undefined);
      const options = { reference: released, platform, config, madeAt: new Date(0) };
      await writeFile(archive, await writeOciArchive([await readFile(archive)], options));
      assert.match(await docker('load', '--input', archive), /cistern-test-released:1/);
    });
    after(() => docker('image', 'rm', released));

    test('docker builds the same files and the same configuration as a release has', async () => {
      const [own, theirs] = [await listFiles(stage.engine, stage.built), await listFiles(stage.engine, released)];
      assert.ok(own.size > 150, `${own.size} files`);
      assert.deepEqual(own, theirs);
      const [{ Config: builtConfig, Size: size }, { Config: releasedConfig }] = [
        await inspect(stage.built),
        await inspect(released),
      ];
      const wanted = configureImage('', '', undefined);
      for (const key of Object.keys(wanted))
        assert.deepEqual(withoutCompose(builtConfig)[key], withoutCompose(releasedConfig)[key], key);
      assert.ok(size < largestBytes, `${size} bytes`);
    });

    test('the first process forwards signals and reaps processes that lost their parent', async (t) => {
      await docker('run', '--detach', '--name', 'init', released);
      t.after(() => docker('rm', '--force', '--volumes', 'init'));
      const health = ['inspect', '--format', '{{.State.Health.Status}}', 'init'] as const;
      await until('the container is healthy', async () => (await docker(...health)) === 'healthy\n');
      // The child outlives its parent, so the first process becomes its parent.
      const child =
        "require('child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1000)'], { detached: true, stdio: 'ignore' }).unref()";
      await docker('exec', 'init', '/usr/lib/cistern/bin/node', '-e', child);
      const processes = () => docker('top', 'init', '-eo', 'pid,stat,args');
      assert.match(await processes(), /setTimeout/);
      await until('only the first process and Cistern are left', async () => {
        const lines = (await processes()).trim().split('\n').slice(1);
        return lines.length === 2;
      });
      await docker('stop', 'init');
      assert.equal(await docker('inspect', '--format', '{{.State.ExitCode}}', 'init'), '0\n');
      assert.match(await docker('logs', 'init'), /shutdown complete/);
    });
  });
}

/** Removes the labels that compose adds to the images that it builds. */
function withoutCompose(config: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(config), (key, value: unknown) =>
    key.startsWith('com.docker.compose.') ? undefined : value,
  ) as Record<string, unknown>;
}

/** Returns the type, mode, owner and content of each file, without the files that docker adds to a container. */
async function listFiles(engine: Engine, image: string): Promise<Map<string, string>> {
  const archive = join(engine.directory, 'container.tar');
  const id = (await engine.docker(['create', image])).trim();
  await engine.docker(['export', '--output', archive, id]);
  await engine.docker(['rm', id]);
  const files = new Map<string, string>();
  const entries = extract();
  const reading = (async () => {
    for await (const entry of entries) {
      const { name, type, mode, uid, gid, linkname } = entry.header;
      const hash = createHash('sha256')
        .update(await buffer(entry))
        .digest('hex');
      if (/^(dev|proc|sys|\.dockerenv|etc\/(hostname|hosts|resolv\.conf|mtab)$)/.test(name)) continue;
      files.set(name, `${type} ${mode.toString(8)} ${uid}:${gid} ${linkname ?? ''} ${hash}`);
    }
  })();
  await Promise.all([pipeline(createReadStream(archive), entries), reading]);
  return files;
}

// The test suite for replacing registry:2's image by ours without other changes. Its documented commands, files, users
// and volumes keep working, and its cached content is served.
import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AddedImage, FakeUpstream } from '@cistern/fake-upstream';
import { hostAddress } from '@cistern/test-clients/sandbox';
import type { Engine } from './open-engine.ts';
import { startStopwatch } from './start-stopwatch.ts';
import { until } from './until.ts';

const port = '5200';
export const mirror = `http://localhost:${port}`;
const hubUrl = 'http://registry-1.docker.io';
/** Debian's docker-registry with the layout of registry:2's image. */
export const registryImage = 'cistern-test-registry';

export interface DropInStage {
  readonly engine: Engine;
  readonly upstream: FakeUpstream;
  /** Name of the image. */
  readonly cistern: string;
}

export function describeDropIn(open: () => Promise<DropInStage>): void {
  describe("registry:2's image replaced by ours", () => {
    let stage: DropInStage;
    const cold: AddedImage[] = [];
    const docker = (...args: readonly string[]) => stage.engine.docker(args);
    before(async () => {
      stage = await open();
      // Every container reaches the upstream as Docker Hub, by its real name.
      const upstreamPort = new URL(stage.upstream.url).port;
      const way = ['--protocol', 'tcp', '--destination', hostAddress, '--dport', '80'];
      const to = ['--jump', 'DNAT', '--to-destination', `${hostAddress}:${upstreamPort}`];
      await stage.engine.run('iptables', ['--table', 'nat', '--append', 'PREROUTING', ...way, ...to]);
    });
    after(() => docker('volume', 'rm', 'mirror-data'));

    /**
     * `args` has all arguments from the first option to the end of the command. The container is removed after `use`.
     */
    async function withMirror(args: readonly string[], use: () => Promise<void>): Promise<void> {
      const hub = ['--add-host', `registry-1.docker.io:${hostAddress}`];
      await docker('run', '--detach', '--publish', `${port}:5000`, '--name', 'registry-mirror', ...hub, ...args);
      try {
        const ping = () => stage.engine.run('curl', ['--silent', '--fail', `${mirror}/v2/`]);
        await until('the mirror answers', () => ping().then(Boolean, () => false));
        await use();
      } catch (error) {
        throw new Error(`${args.join(' ')}\n${await docker('logs', 'registry-mirror')}`, { cause: error });
      } finally {
        await docker('rm', '--force', '--volumes', 'registry-mirror');
      }
    }

    /** Pulls an image of Docker Hub with docker. Here the mirror is the only route to it. */
    async function pull(name: string, { digest }: AddedImage): Promise<void> {
      const output = await docker('pull', name);
      assert.ok(output.includes(digest), output);
      await docker('image', 'rm', name);
    }

    async function storedIn(volume: string): Promise<string> {
      const directory = await docker('volume', 'inspect', '--format', '{{.Mountpoint}}', volume);
      return stage.engine.run('find', [directory.trim(), '-path', '*/blobs/*', '-name', 'data']);
    }
    /** Returns the user of the process that tini starts. */
    const userOfMirror = async () =>
      /^ *\d+ +(\d+) +cistern$/m.exec(await docker('top', 'registry-mirror', '-eo', 'pid,uid,comm'))?.[1];
    const addCold = () => {
      const seed = `cold ${cold.length}`;
      const added = stage.upstream.addImage(`library/cold-${cold.length}`, { tag: '1', seed });
      return { name: `cold-${cold.push(added) - 1}:1`, added };
    };

    test('the recipe with a variable and a volume serves registry:2’s cached content and caches the rest', async (t) => {
      const { engine, upstream, cistern } = stage;
      const warm = upstream.addImage('library/warm', { tag: '1', layers: [{ size: 2_000_000, seed: 7 }] });
      const recipe = [
        '--restart=always',
        '--env',
        `REGISTRY_PROXY_REMOTEURL=${hubUrl}`,
        '--volume',
        'mirror-data:/var/lib/registry',
      ];
      await withMirror([...recipe, registryImage], async () => {
        await pull('warm:1', warm);
        await until('registry:2 has stored the image', async () => isStored(await storedIn('mirror-data'), warm));
      });
      upstream.reset();
      const stopwatch = startStopwatch();
      await withMirror([...recipe, cistern], async () => {
        await pull('warm:1', warm);
        t.diagnostic(`docker run: ${stopwatch()} from the start to the first pull, with a loaded image`);
        const hosts = join(engine.directory, 'hosts');
        await mkdir(join(hosts, 'docker.io'), { recursive: true });
        await writeFile(join(hosts, 'docker.io', 'hosts.toml'), `[host."${mirror}"]\n`);
        const ctr = ['--address', '/run/docker/containerd/containerd.sock', '--namespace', 'drop-in'];
        const name = 'docker.io/library/warm:1';
        const output = await engine.run('ctr', [...ctr, 'images', 'pull', '--hosts-dir', hosts, name]);
        assert.ok(output.includes(warm.digest), output);
        const gets = upstream.requests().filter(({ method, path }) => method === 'GET' && path !== '/v2/');
        assert.deepEqual(gets, []);

        const anywhere = ['run', '--rm', '--read-only', '--network', 'host', cistern];
        await docker(...anywhere, 'doctor', mirror, '--image', 'docker.io/library/warm:1');
        assert.match(await docker(...anywhere, '--version'), /^\d+\.\d+\.\d+\n$/);
        assert.match(await docker(...anywhere, '--help'), /^Usage: cistern/);

        const { name: later, added } = addCold();
        await pull(later, added);
        await until('the image is in the volume', async () => isStored(await storedIn('mirror-data'), added));
        assert.equal(await userOfMirror(), '0', "registry:2's volume belongs to root");
      });
    });

    const serve = ['registry', 'serve', '/root/config.yml'];
    const forms = [
      ['the file in the place of the image’s file', '/etc/docker/registry/config.yml', [], [], '10001'],
      ["the file in the place of registry 3's", '/etc/distribution/config.yml', [], [], '10001'],
      ['registry serve', '/root', [], serve, '10001'],
      ['serve alone', '/root', [], serve.slice(1), '10001'],
      ['only the file', '/root', [], serve.slice(2), '10001'],
      ['another entry point', '/root', ['--entrypoint', '/bin/registry'], serve.slice(1), '10001'],
      [
        'a user that the image does not know',
        '/root/config.yml',
        ['--user', '1234:1234', '--read-only'],
        serve,
        '1234',
      ],
    ] as const;

    for (const [what, mountedAt, options, command, user] of forms)
      test(`the recipe with a file works: ${what}`, async () => {
        const { engine, cistern } = stage;
        const directory = join(engine.directory, 'registry-config');
        const file = join(directory, 'config.yml');
        await mkdir(directory, { recursive: true });
        const example = await docker('run', '--rm', '--entrypoint', 'cat', cistern, '/etc/docker/registry/config.yml');
        await writeFile(file, `${example}\nproxy:\n  remoteurl: ${hubUrl}\n`);
        // Only root can read a home directory. Volumes are not shared between users.
        await chmod(directory, 0o700);
        const source = mountedAt === '/root' ? directory : file;
        const volumes = ['--volume', `${source}:${mountedAt}`, '--volume', 'fresh:/var/lib/registry'];
        await withMirror([...volumes, ...options, cistern, ...command], async () => {
          const { name, added } = addCold();
          await pull(name, added);
          await until('the image is in the volume', async () => isStored(await storedIn('fresh'), added));
          assert.equal(await userOfMirror(), user);
        });
        await docker('volume', 'rm', 'fresh');
      });
  });
}

/** `files` are paths of stored blobs. */
function isStored(files: string, { layers, config, digest }: AddedImage): boolean {
  const wanted = [digest, config.digest, ...layers.map((layer) => layer.digest)];
  return wanted.every((each) => files.includes(each.replace('sha256:', '')));
}

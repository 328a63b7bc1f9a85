// Tests that clients pull through the cache with the unchanged files that `cistern client-config` prints.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { openRig } from './src/open-rig.ts';
import { openSandbox } from './src/sandbox.ts';
import { testTag } from './src/test-images.ts';

const rig = await openRig({
  packages: ['skopeo', 'podman', 'runc', 'containerd', 'docker.io', 'docker-cli', 'docker-buildx'],
});
after(rig.close);
const repository = 'library/multi';
const digest = await rig.digestOf('docker.io', repository);

/** Returns the printed files by path. */
async function filesFor(client: string): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await runCistern(['client-config', client, '--url', `http://${rig.cache}`]);
  assert.equal(code, 0, stderr);
  const blocks = stdout.split(/\n\n(?=# .*\n# )/);
  return Object.fromEntries(blocks.map((block) => /^# .*\n# (\S+)\n([^]*)$/.exec(block)!.slice(1) as [string, string]));
}

const pulledThroughCache = () => rig.cacheRequests().some(({ path }) => path.includes(`/${repository}/manifests/`));

for (const [name, command] of [
  ['skopeo', ['skopeo', 'copy', '--all', `docker://docker.io/${repository}:${testTag}`, 'dir:copy']],
  ['podman', ['podman', '--storage-driver=vfs', 'pull', `docker.io/${repository}:${testTag}`]],
] as const)
  test(`${name} pulls with the files for podman`, async (t) => {
    const sandbox = await openSandbox(await filesFor('podman'));
    t.after(sandbox.close);
    await sandbox.run(command[0], command.slice(1));
    assert.ok(pulledThroughCache());
  });

test('containerd pulls with its file', async (t) => {
  const { '/etc/containerd/certs.d/_default/hosts.toml': hosts = '' } = await filesFor('containerd');
  const sandbox = await openSandbox({ '/etc/containerd/certs.d/_default/hosts.toml': hosts });
  t.after(sandbox.close);
  await sandbox.startDaemon('containerd', [], ['ctr', 'version']);
  const reference = `docker.io/${repository}:${testTag}`;
  await sandbox.run('ctr', ['images', 'pull', '--hosts-dir', '/etc/containerd/certs.d', reference]);
  assert.ok((await sandbox.run('ctr', ['images', 'list'])).includes(digest));
});

test('docker and its BuildKit pull with their file', async (t) => {
  const sandbox = await openSandbox(await filesFor('docker'));
  t.after(sandbox.close);
  const noNetwork = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false'];
  await sandbox.startDaemon('dockerd', [...noNetwork, '--cgroup-parent', sandbox.cgroupParent], ['docker', 'version']);
  assert.ok((await sandbox.run('docker', ['pull', `${repository}:${testTag}`])).includes(digest));
  const context = join(sandbox.directory, 'context');
  await mkdir(context);
  await writeFile(join(context, 'Dockerfile'), `FROM docker.io/${repository}:${testTag}\nCOPY Dockerfile /\n`);
  const before = rig.cacheRequests().length;
  await sandbox.run('docker', ['buildx', 'build', '--network', 'none', '--pull', '--tag', 'built', context]);
  await rig.settled();
  const built = rig.cacheRequests().slice(before);
  assert.ok(built.some(({ path, ns }) => path.includes(`/${repository}/manifests/`) && ns === 'docker.io'));
});

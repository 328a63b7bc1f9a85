// Tests clients over HTTPS with a certificate of a private authority. They accept it only if they know the authority.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startFakeUpstream } from '@cistern/fake-upstream';
import { ensureDebianPackages, makeCertificateFiles, startCistern } from '@cistern/test-servers';
import { hostsToml, openContainerd } from './src/clients/containerd.ts';
import { openSandbox } from './src/sandbox.ts';

await ensureDebianPackages(['skopeo', 'podman', 'runc', 'containerd']);
const directory = await mkdtemp(join(tmpdir(), 'cistern-client-tls-'));
after(() => rm(directory, { recursive: true }));
const files = await makeCertificateFiles(directory);
const authority = await readFile(files.caFile, 'utf8');
const upstream = await startFakeUpstream();
after(() => upstream.close());
const image = upstream.addImage('library/app', { tag: 'latest' });
const cistern = await startCistern({
  config: {
    http: { tls: { certificate: files.certFile, key: files.keyFile } },
    upstreams: { 'docker.io': { url: upstream.url } },
  },
});
after(() => cistern.stop());
const host = `127.0.0.1:${cistern.port}`;
const reference = `${host}/docker.io/library/app:latest`;

/** Returns the files of a client that knows the authority, or does not. */
const trusted = (isTrusted: boolean): Record<string, string> =>
  isTrusted ? { [`/etc/containers/certs.d/${host}/ca.crt`]: authority } : {};

for (const [name, command] of [
  ['skopeo', ['skopeo', 'copy', `docker://${reference}`, 'dir:copy']],
  ['podman', ['podman', '--storage-driver=vfs', 'pull', reference]],
] as const)
  test(`${name} pulls if it knows the authority, and rejects the certificate otherwise`, async (t) => {
    const knowing = await openSandbox(trusted(true));
    t.after(knowing.close);
    await knowing.run(command[0], command.slice(1));
    const strange = await openSandbox(trusted(false));
    t.after(strange.close);
    await assert.rejects(strange.run(command[0], command.slice(1)), /certificate signed by unknown authority/);
  });

test('containerd pulls with the authority in its hosts.toml', async (t) => {
  const containerd = await openContainerd({
    _default: hostsToml(`https://${host}`, `ca = ${JSON.stringify(files.caFile)}`),
  });
  t.after(containerd.close);
  assert.ok((await containerd.pull('docker.io/library/app:latest')).includes(image.digest));
});

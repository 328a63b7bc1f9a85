// Breaks upstreams, accounts, a spool and a certificate of a cluster. Operators see the cause, what still works and what to do, the
// same everywhere, and nothing else.
import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { tmpdir } from 'node:os';
import { mountSmallDisk } from '@cistern/single-node/mount-small-disk';
import { sendRequest } from '@cistern/single-node/send-request';
import { diagnoseTime, makeCertificateFiles, startExtraNode } from '@cistern/test-servers';
import { openDrill } from '../src/open-drill.ts';

type Drill = Awaited<ReturnType<typeof openDrill>>;
const password = 'right-password';
let drill: Drill;
const ends: (() => unknown)[] = [];

before(async () => {
  drill = await openDrill(
    { after: (end: () => unknown) => ends.unshift(end) },
    {
      upstream: { auth: { kind: 'basic', accounts: [{ username: 'robot', password }] } },
      config: { upstreams: { 'docker.io': { credentials: { robot: { username: 'robot', password } } } } },
    },
  );
  await drill.untilSeen([]);
});
after(async () => {
  for (const end of ends) await end();
});

let images = 0;
/** Adds an image, and pulls its manifest and its layer through the load balancer. Resolves to the statuses. */
async function pullNew({ upstream, urlOf }: Drill): Promise<readonly number[]> {
  images += 1;
  const repository = `library/app-${images}`;
  const { layers } = upstream.addImage(repository, { tag: 'latest', seed: repository });
  const paths = [`${repository}/manifests/latest`, `${repository}/blobs/${layers[0]!.digest}`];
  const answers = [];
  for (const path of paths) answers.push((await sendRequest(urlOf(path))).status);
  return answers;
}

test('an upstream is unreachable', async (t) => {
  const { upstream, untilSeen } = drill;
  assert.deepEqual(await pullNew(drill), [200, 200]);
  await upstream.refuseConnections();
  // Both workers need several failures before they open their circuit breakers.
  const isSeen = new AbortController();
  const pulls = (async () => {
    while (!isSeen.signal.aborted) await pullNew(drill);
  })();
  const [seen] = await diagnoseTime(t, 'operators see it', () => untilSeen(['upstream-failing'])).finally(() =>
    isSeen.abort(),
  );
  await pulls;
  assert.deepEqual([seen!.subject, seen!.severity], ['docker.io', 'warning']);
  assert.match(seen!.reason, /is not used: .*(?:refuse|ECONNREFUSED)/);
  await upstream.acceptConnections();
  await diagnoseTime(t, 'operators see that it is over', () => untilSeen([]));
});

test('an upstream answers 429', async (t) => {
  const { upstream, untilSeen } = drill;
  const fault = upstream.addFault({ endpoint: 'manifest' }, { status: 429, headers: { 'retry-after': '8' } });
  await pullNew(drill);
  const [seen] = await diagnoseTime(t, 'operators see it', () => untilSeen(['upstream-throttled']));
  assert.match(seen!.reason, /^docker\.io answered 429 Too Many Requests\. No request is sent to it before .* UTC\.$/);
  fault.remove();
  await diagnoseTime(t, 'operators see that it is over', () => untilSeen([]));
});

test('the certificate of a frontend is near its end', async (t) => {
  const { cluster, extraDebugPort: debugPort, untilSeen } = drill;
  const directory = await mkdtemp(join(tmpdir(), 'cistern-drill-'));
  t.after(() => rm(directory, { recursive: true }));
  // It is valid for two days.
  const { certFile, keyFile } = await makeCertificateFiles(directory);
  const env = { REGISTRY_HTTP_TLS_CERTIFICATE: certFile, REGISTRY_HTTP_TLS_KEY: keyFile };
  const frontend = await startExtraNode(cluster, { kind: 'frontend', name: 'tls-frontend', env, debugPort });
  t.after(() => frontend.stop());
  const [seen] = await diagnoseTime(t, 'operators see it', () => untilSeen(['certificate-expires']));
  assert.match(seen!.reason, /^The certificate expires in (?:2 days|4[78] hours)\.$/);
  await frontend.stop();
  await untilSeen([]);
});

test('the spool of one worker is full', async (t) => {
  const { cluster, untilSeen } = drill;
  const disk = await mountSmallDisk(48);
  const worker = await startExtraNode(cluster, {
    kind: 'worker',
    name: 'full-worker',
    env: { REGISTRY_WORKER_SPOOL_DIRECTORY: disk.directory },
  });
  t.after(async () => {
    await worker.stop();
    await disk.unmount();
  });
  await untilSeen([]);
  const { bavail, bsize } = await statfs(disk.directory);
  const ballast = join(disk.directory, 'another-file');
  await writeFile(ballast, Buffer.alloc(bavail * bsize - 65_536));
  const [seen] = await diagnoseTime(t, 'operators see it', () => untilSeen(['spool-full']));
  // The other workers fetch.
  assert.equal(seen!.severity, 'warning');
  assert.deepEqual(await pullNew(drill), [200, 200]);
  await rm(ballast);
  await diagnoseTime(t, 'operators see that it is over', () => untilSeen([]));
});

test('an account is refused, and a mirror sends wrong bytes', async (t) => {
  const { upstream, untilSeen } = drill;
  const fault = upstream.addFault({ endpoint: 'blob', method: 'GET' }, { flipByteAt: 0 });
  const [, blob] = await pullNew(drill);
  assert.ok(blob !== undefined && blob >= 500, String(blob));
  const [seen] = await diagnoseTime(t, 'operators see the wrong bytes', () => untilSeen(['upstream-mismatch']));
  assert.match(seen!.reason, /^docker\.io sent bytes that do not match their digest/);
  fault.remove();
  upstream.auth.refuseCredentials(true);
  await pullNew(drill);
  // A mismatch is shown for ten minutes.
  const kinds = ['credentials-refused', 'upstream-mismatch'];
  const [refused] = await diagnoseTime(t, 'operators see the account', () => untilSeen(kinds));
  assert.deepEqual([refused!.severity, refused!.subject], ['critical', 'docker.io']);
  assert.match(refused!.reason, /^The account robot of docker\.io cannot be used: the registry refuses it\.$/);
});

// Breaks upstreams, accounts, a spool and a certificate of a cluster. Operators see the cause, what still works and what to do, the
// same everywhere, and nothing else.
import assert from 'node:assert/strict';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tmpdir } from 'node:os';
import { mountSmallDisk } from '@cistern/single-node/mount-small-disk';
import { openDirectory } from '@cistern/single-node/open-stage';
import { sendRequest } from '@cistern/single-node/send-request';
import { makeCertificateFiles, startExtraNode } from '@cistern/test-servers';
import { declareDrills } from '../src/declare-drills.ts';
import { openDrill } from '../src/open-drill.ts';

const account = { username: 'robot', password: 'right-password' };
const drill = declareDrills(async (owner) => {
  const passwordFile = join(await openDirectory(owner), 'password');
  await writeFile(passwordFile, account.password);
  const robot = { username: account.username, passwordfile: passwordFile };
  const rig = await openDrill(owner, {
    page: 'upstreams',
    upstream: { auth: { kind: 'basic', accounts: [account] } },
    config: { upstreams: { 'docker.io': { credentials: { robot } } } },
  });
  return { ...rig, passwordFile };
});

let images = 0;
/** Adds an image, and pulls its manifest and its layer through the load balancer. Resolves to the statuses. */
async function pullNew({ upstream, urlOf }: Awaited<ReturnType<typeof openDrill>>): Promise<readonly number[]> {
  images += 1;
  const repository = `library/app-${images}`;
  const { layers } = upstream.addImage(repository, { tag: 'latest', seed: repository });
  const paths = [`${repository}/manifests/latest`, `${repository}/blobs/${layers[0]!.digest}`];
  const answers = [];
  for (const path of paths) answers.push((await sendRequest(urlOf(path))).status);
  return answers;
}

test(
  'an upstream is unreachable',
  drill({
    kinds: ['upstream-failing'],
    async begin(rig) {
      assert.deepEqual(await pullNew(rig), [200, 200]);
      await rig.upstream.refuseConnections();
    },
    // Both workers need several failures before they open their circuit breakers.
    load: pullNew,
    check([seen]) {
      assert.deepEqual([seen!.subject, seen!.severity], ['docker.io', 'warning']);
      assert.match(seen!.reason, /is not used: .*(?:refuse|ECONNREFUSED)/);
    },
    end: ({ upstream }) => upstream.acceptConnections(),
  }),
);

test(
  'an upstream answers 429',
  drill({
    kinds: ['upstream-throttled'],
    async begin(rig) {
      const fault = rig.upstream.addFault({ endpoint: 'manifest' }, { status: 429, headers: { 'retry-after': '8' } });
      await pullNew(rig);
      return fault;
    },
    check([seen]) {
      const reason = /^docker\.io answered 429 Too Many Requests\. No request is sent to it before .* UTC\.$/;
      assert.match(seen!.reason, reason);
    },
    end: (_, fault) => fault.remove(),
  }),
);

test(
  'the certificate of a frontend is near its end',
  drill({
    kinds: ['certificate-expires'],
    async begin({ cluster, extraDebugPort: debugPort }, t) {
      const directory = await mkdtemp(join(tmpdir(), 'cistern-drill-'));
      t.after(() => rm(directory, { recursive: true }));
      // It is valid for two days.
      const { certFile, keyFile } = await makeCertificateFiles(directory);
      const env = { REGISTRY_HTTP_TLS_CERTIFICATE: certFile, REGISTRY_HTTP_TLS_KEY: keyFile };
      return startExtraNode(cluster, { kind: 'frontend', name: 'tls-frontend', env, debugPort });
    },
    check: ([seen]) => assert.match(seen!.reason, /^The certificate expires in (?:2 days|4[78] hours)\.$/),
    end: (_, frontend) => frontend.stop(),
  }),
);

test(
  'the spool of one worker is full',
  drill({
    kinds: ['spool-full'],
    async begin({ cluster, untilSeen }, t) {
      const { directory, unmount } = await mountSmallDisk(48);
      const env = { REGISTRY_WORKER_SPOOL_DIRECTORY: directory };
      const worker = await startExtraNode(cluster, { kind: 'worker', name: 'full-worker', env });
      t.after(async () => {
        await worker.stop();
        await unmount();
      });
      await untilSeen([]);
      const { bavail, bsize } = await statfs(directory);
      const ballast = join(directory, 'another-file');
      await writeFile(ballast, Buffer.alloc(bavail * bsize - 65_536));
      return ballast;
    },
    async check([seen], rig) {
      // The other workers fetch.
      assert.equal(seen!.severity, 'warning');
      assert.deepEqual(await pullNew(rig), [200, 200]);
    },
    end: (_, ballast) => rm(ballast),
  }),
);

test(
  'an account is refused',
  drill({
    kinds: ['credentials-refused'],
    begin: ({ passwordFile }) => writeFile(passwordFile, 'old-password'),
    load: pullNew,
    check([seen]) {
      assert.deepEqual([seen!.severity, seen!.subject], ['critical', 'docker.io']);
      assert.match(seen!.reason, /^The account robot of docker\.io cannot be used: the registry refuses it\.$/);
    },
    end: ({ passwordFile }) => writeFile(passwordFile, account.password),
  }),
);

test(
  'a mirror sends wrong bytes',
  drill({
    kinds: ['upstream-mismatch'],
    async begin(rig) {
      const fault = rig.upstream.addFault({ endpoint: 'blob', method: 'GET' }, { flipByteAt: 0 });
      const [, blob] = await pullNew(rig);
      assert.ok(blob !== undefined && blob >= 500, String(blob));
      fault.remove();
    },
    check: ([seen]) => assert.match(seen!.reason, /^docker\.io sent bytes that do not match their digest/),
  }),
);

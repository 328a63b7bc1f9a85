// Bytes are shared, rights are not. A caller finds a digest under the same repository name at another upstream only if
// it may pull that repository there.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { digestOf } from '@cistern/oci';
import { bcryptHash } from '@cistern/test-servers';
import { assertRefused } from '../src/assert-refused.ts';
import { openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { beginDownload, type RequestOptions, sendRequest } from '../src/send-request.ts';

interface Callers {
  /** May pull only from docker.io. */
  readonly outsider: RequestOptions;
  /** May pull from both. */
  readonly insider: RequestOptions;
  readonly config: Readonly<Record<string, unknown>>;
}

const as = (user: string): RequestOptions => ({
  headers: { authorization: `Basic ${Buffer.from(`${user}:password of ${user}`).toString('base64')}` },
});

async function openUsers(t: TestContext): Promise<Callers> {
  const path = join(await openDirectory(t), 'htpasswd');
  const users = ['ada', 'bob'].map(async (user) => `${user}:${await bcryptHash(`password of ${user}`)}\n`);
  await writeFile(path, (await Promise.all(users)).join(''));
  return {
    outsider: as('ada'),
    insider: as('bob'),
    config: {
      auth: { htpasswd: { realm: 'The cache', path } },
      access: {
        default: 'deny',
        rules: [
          { action: 'allow', images: ['docker.io/**'] },
          { action: 'allow', images: ['ghcr.io/**'], users: ['bob'] },
        ],
      },
    },
  };
}

async function openNetworks(): Promise<Callers> {
  const rules = [{ action: 'deny', images: ['ghcr.io/**'], networks: ['127.0.0.2'] }];
  return { outsider: { localAddress: '127.0.0.2' }, insider: {}, config: { access: { rules } } };
}

/** Both upstreams have the repository `acme/app`. Each image is only at one of them. */
async function openTwoUpstreams(t: TestContext, { config }: Callers) {
  const hub = await openUpstream(t);
  const ghcr = await openUpstream(t);
  hub.addImage('acme/app', { tag: 'public' });
  const layers = [{ size: 3_000_000, seed: 'a secret layer' }];
  const secret = ghcr.addImage('acme/app', { tag: 'secret', layers });
  const upstreams = { 'docker.io': { url: hub.url, default: true }, 'ghcr.io': { url: ghcr.url } };
  const cistern = await openCistern(t, { config: { upstreams, ...config } });
  const digests = [secret.config.digest, secret.layers[0]!.digest];
  return { hub, ghcr, cistern, secret, digests };
}

/** Returns the URL shapes that name docker.io's `acme/app`. */
const shapes = (leaf: string) => [
  `/v2/acme/app/${leaf}`,
  `/v2/acme/app/${leaf}?ns=docker.io`,
  `/v2/docker.io/acme/app/${leaf}`,
  `/docker.io/v2/acme/app/${leaf}`,
];

function withRange(options: RequestOptions, range: string | undefined): RequestOptions {
  return range === undefined ? options : { ...options, headers: { ...options.headers, range } };
}

for (const [by, openCallers] of [
  ['user', openUsers],
  ['network', openNetworks],
] as const) {
  test(`rules by ${by}: a caller without rights at ghcr.io reads nothing of it as docker.io's`, async (t) => {
    const callers = await openCallers(t);
    const { ghcr, cistern, secret, digests } = await openTwoUpstreams(t, callers);

    const assertNothing = async (when: string) => {
      for (const digest of digests)
        for (const shape of shapes(`blobs/${digest}`))
          for (const range of [undefined, 'bytes=0-1', 'bytes=5-1999999']) {
            const options = withRange(callers.outsider, range);
            const head = await sendRequest(cistern.url + shape, { ...options, method: 'HEAD' });
            assert.equal(head.status, 404, `${when}: HEAD ${shape}`);
            assertRefused(await sendRequest(cistern.url + shape, options), 404, 'BLOB_UNKNOWN', `${when}: ${shape}`);
          }
    };

    // Only the manifest was pulled: the cache's own account fetches nothing here.
    const pulled = await sendRequest(`${cistern.url}/v2/acme/app/manifests/secret?ns=ghcr.io`, callers.insider);
    assert.equal(pulled.status, 200);
    await assertNothing('cold');
    assert.equal(ghcr.count({ endpoint: 'blob' }), 0);

    const gate = createGate();
    const layer = secret.layers[0]!.digest;
    ghcr.addFault({ endpoint: 'blob', digest: layer }, { gate });
    const path = `${cistern.url}/v2/acme/app/blobs/${layer}?ns=ghcr.io`;
    const begun = beginDownload(path, callers.insider);
    gate.allow(1_000_000);
    const download = await begun;
    await download.untilReceived(500_000);
    await assertNothing('in flight');
    gate.release();
    assert.equal(digestOf((await download.ended).body), layer);
    // Requests with ns and, like those of stargz, without: neither creates a link in docker.io's repository.
    for (const digest of digests)
      for (const query of ['?ns=ghcr.io', '?ns=ghcr.io', '', ''])
        assert.equal(
          (await sendRequest(`${cistern.url}/v2/acme/app/blobs/${digest}${query}`, callers.insider)).status,
          200,
        );
    await assertNothing('stored, and in memory');
  });

  test(`rules by ${by}: a caller with rights at ghcr.io finds its layers without ns, as stargz requests them`, async (t) => {
    const callers = await openCallers(t);
    const { cistern, secret, digests } = await openTwoUpstreams(t, callers);
    await sendRequest(`${cistern.url}/v2/acme/app/manifests/${secret.digest}?ns=ghcr.io`, callers.insider);
    for (const digest of digests)
      for (const shape of shapes(`blobs/${digest}`))
        for (const [range, status] of [
          ['bytes=0-1', 206],
          [undefined, 200],
        ] as const) {
          const answer = await sendRequest(cistern.url + shape, withRange(callers.insider, range));
          assert.equal(answer.status, status, `${shape} ${range}`);
        }
  });

  test(`rules by ${by}: the catalog lists only repositories that the caller may pull`, async (t) => {
    const callers = await openCallers(t);
    const { cistern } = await openTwoUpstreams(t, callers);
    await sendRequest(`${cistern.url}/v2/acme/app/manifests/secret?ns=ghcr.io`, callers.insider);
    await sendRequest(`${cistern.url}/v2/acme/app/manifests/public`, callers.insider);
    const listed = async (options: RequestOptions) =>
      JSON.parse((await sendRequest(`${cistern.url}/v2/_catalog`, options)).body.toString()) as unknown;
    assert.deepEqual(await listed(callers.outsider), { repositories: ['docker.io/acme/app'] });
    assert.deepEqual(await listed(callers.insider), { repositories: ['docker.io/acme/app', 'ghcr.io/acme/app'] });
  });
}

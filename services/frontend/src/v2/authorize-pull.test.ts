// The access policy in the pull API: it applies to manifests and blobs, for every way to name a repository, before the cache is
// read.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { acceptAllClients, createAuthorize, type PolicyRule } from '@cistern/auth';
import { digestOf } from '@cistern/oci';
import type { BlobRequest, PullThrough } from '@cistern/pull-through';
import { createUpstreamTable, type UpstreamTable } from '@cistern/upstream';
import type { FrontendOptions } from '../build-frontend.ts';
import { createTestSeal } from '../testing/create-test-seal.ts';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const blob = Buffer.from('a blob');
const manifest = Buffer.from('{"schemaVersion":2}');

test('a denied repository is denied by every name, without a call of a use case', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob], manifests: [manifest] });
  const rules: PolicyRule[] = [
    { action: 'deny', images: ['ghcr.io/team/secret'], reason: 'the licence of this image does not allow it' },
    { action: 'deny', images: ['docker.io/library/*:latest'] },
  ];
  const authorize = createAuthorize({ rules, fallback: 'allow' });
  const { url, log } = await startFrontend(t, { pullThrough, authorize });
  const leaves = [
    'manifests/v1',
    `manifests/${digestOf(manifest)}`,
    `blobs/${digestOf(blob)}`,
    'tags/list',
    `referrers/${digestOf(manifest)}`,
  ];
  for (const leaf of leaves)
    for (const [start, query, headers] of [
      ['/v2/team/secret', '?ns=ghcr.io', {}],
      ['/v2/team/secret', '', { host: 'ghcr.test' }],
      ['/v2/ghcr.io/team/secret', '', {}],
      ['/ghcr.io/v2/team/secret', '', {}],
    ] as const)
      for (const method of ['GET', 'HEAD']) {
        const answer = await sendRequest(`${url}${start}/${leaf}${query}`, { method, headers });
        assert.equal(answer.status, 403, `${start}/${leaf}`);
        if (method === 'GET')
          assert.deepEqual(errorsOf(answer), [
            { code: 'DENIED', message: 'Denied: the licence of this image does not allow it.' },
          ]);
      }
  assert.deepEqual(pullThrough.calls, []);
  assert.ok(log.some(({ denied }) => denied === 'rule 1 denies ghcr.io/team/secret'));
});

test('a denied tag is 403, and another tag is served', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob], manifests: [manifest] });
  const rules: PolicyRule[] = [{ action: 'deny', images: ['docker.io/library/*:latest'] }];
  const authorize = createAuthorize({ rules, fallback: 'allow' });
  const { url } = await startFrontend(t, { pullThrough, authorize });
  const statusOf = async (leaf: string) => (await sendRequest(`${url}/v2/library/app/${leaf}`)).status;
  assert.equal(await statusOf('manifests/latest'), 403);
  assert.equal(await statusOf('manifests/1.0'), 200);
  assert.equal(await statusOf(`manifests/${digestOf(manifest)}`), 200);
  assert.equal(await statusOf(`blobs/${digestOf(blob)}`), 200);
});

/** Returns which of the upstreams `ghcr.io` and `gcr.io` a request for a blob can use in addition to its own. */
async function permittedFor(t: TestContext, options: Partial<FrontendOptions>, path: string) {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { url } = await startFrontend(t, { pullThrough, ...options });
  const { status } = await sendRequest(`${url}${path}/blobs/${digestOf(blob)}`);
  assert.equal(status, 200);
  const { target } = pullThrough.calls.at(-1)!.request as unknown as BlobRequest;
  return ['ghcr.io', 'gcr.io'].filter((upstream) => target.at(upstream) !== undefined);
}

test('a client gets content of another upstream only if it may pull the same repository there', async (t) => {
  const rules: PolicyRule[] = [{ action: 'deny', images: ['ghcr.io/**'], networks: ['127.0.0.0/8'] }];
  const authorize = createAuthorize({ rules, fallback: 'allow' });
  assert.deepEqual(await permittedFor(t, { authorize }, '/v2/team/app'), ['gcr.io']);
  assert.deepEqual(await permittedFor(t, {}, '/v2/team/app'), ['ghcr.io', 'gcr.io']);
});

test('an access token that names an upstream is invalid for other upstreams', async (t) => {
  const permitted = (path: string, ...scopes: string[]) => {
    const acceptedForAll = {
      result: 'accepted',
      method: 'token',
      identity: { name: 'ada', method: 'token', scopes },
    } as const;
    return permittedFor(t, { authenticator: { ...acceptAllClients(), acceptedForAll } }, path);
  };
  assert.deepEqual(await permitted('/v2/docker.io/team/app', 'docker.io/team/app'), []);
  assert.deepEqual(await permitted('/v2/docker.io/team/app', 'docker.io/team/app', 'gcr.io/team/app'), ['gcr.io']);
  assert.deepEqual(await permitted('/v2/team/app', 'team/app'), []);
});

test('the name of a pull is resolved once', async (t) => {
  const table = createUpstreamTable([{ name: 'docker.io', isDefault: true }]);
  let resolved = 0;
  const upstreams: UpstreamTable = {
    ...table,
    resolve(name) {
      resolved += 1;
      return table.resolve(name);
    },
  };
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const callerSeal = createTestSeal();
  for (const options of [{}, { callerSeal }]) {
    const { url } = await startFrontend(t, { pullThrough, upstreams, ...options });
    const { status } = await sendRequest(`${url}/v2/library/app/manifests/${digestOf(manifest)}`);
    assert.deepEqual([status, resolved], [200, 1]);
    resolved = 0;
  }
});

test('only an upstream that verifies callers gets their credentials', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { url } = await startFrontend(t, {
    pullThrough,
    callerSeal: createTestSeal(),
    isVerified: (upstream) => upstream === 'ghcr.io',
  });
  const callerOf = async (name: string) => {
    const { status } = await sendRequest(`${url}/v2/${name}/blobs/${digestOf(blob)}`);
    assert.equal(status, 200);
    return (pullThrough.calls.at(-1)!.request as unknown as BlobRequest).target.caller;
  };
  assert.deepEqual(await callerOf('ghcr.io/team/app'), { kind: 'anonymous' });
  assert.equal(await callerOf('docker.io/library/app'), undefined);
});

test('the catalog omits denied repositories', async (t) => {
  const rules: PolicyRule[] = [{ action: 'deny', images: ['docker.io/library/*'] }];
  const { url } = await startFrontend(t, { authorize: createAuthorize({ rules, fallback: 'allow' }) });
  assert.deepEqual(JSON.parse((await sendRequest(`${url}/v2/_catalog`)).body.toString()), { repositories: [] });
});

test('platform rules are checked when the platform of the manifest is known', async (t) => {
  const named = new Map<string, (string | undefined)[]>([
    ['linux', ['linux/amd64']],
    ['windows', ['windows/amd64']],
    ['both', ['windows/amd64', 'linux/amd64']],
    ['index', [undefined]],
  ]);
  const content = createMemoryPullThrough({ manifests: [manifest] });
  const openManifest: PullThrough['openManifest'] = async (request) => {
    const tag = request.reference.kind === 'tag' ? request.reference.tag : '';
    const denied = request.target.platformRule?.(named.get(tag) ?? assert.fail());
    if (denied !== undefined) throw denied;
    return content.openManifest(request);
  };
  const rules: PolicyRule[] = [
    { action: 'deny', images: ['docker.io/**'], platforms: ['windows/*'], reason: 'there are no such machines here' },
  ];
  const authorize = createAuthorize({ rules, fallback: 'allow' });
  const pullThrough = createMemoryPullThrough({ manifests: [manifest], instead: { openManifest } });
  const { url, log } = await startFrontend(t, { pullThrough, authorize });
  const answers = new Map<string, number>();
  for (const tag of named.keys()) {
    const answer = await sendRequest(`${url}/v2/library/app/manifests/${tag}`);
    answers.set(tag, answer.status);
    if (tag === 'windows') assert.equal(errorsOf(answer)[0]?.message, 'Denied: there are no such machines here.');
  }
  assert.deepEqual(Object.fromEntries(answers), { linux: 200, windows: 403, both: 200, index: 200 });
  assert.deepEqual(
    log.flatMap(({ denied }) => denied ?? []),
    ['rule 1 denies docker.io/library/app of windows/amd64'],
  );
  await sendRequest(`${url}/v2/ghcr.io/team/app/manifests/windows`);
  const { target } = pullThrough.calls.at(-1)!.request as unknown as BlobRequest;
  assert.deepEqual([target.upstream, target.platformRule], ['ghcr.io', undefined]);
});

// The test of every client with every image: a cold pull, then a warm one without content requests to the upstream.
import { strict as assert } from 'node:assert';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import type { Client } from './clients/client.ts';
import type { Rig } from './open-rig.ts';
import { type LoggedRequest, cisternRequests, contentGets } from './request-log.ts';
import { type UpstreamName, upstreamNames } from './test-images.ts';

export interface Pull {
  readonly rig: Rig;
  readonly client: Client;
  readonly upstream: UpstreamName;
  readonly repository: string;
  /** The reference that the user enters, with a tag or a digest. */
  readonly reference: string;
  /** The cache redirects clients to its store, so every warm blob must come from there. */
  readonly redirected?: boolean | undefined;
}

/** Neither the client nor the cache may have the whole image before. Afterwards the client does not have it. */
export async function pullsColdThenWarm({
  rig,
  client,
  upstream,
  repository,
  reference,
  redirected = false,
}: Pull): Promise<void> {
  const digest = await rig.digestOf(upstream, repository);
  await rig.settled();
  const before = contentSoFar(rig);
  const furtherBefore = furtherLines(rig);

  assert.ok((await client.pull(reference)).includes(digest), `the cold pull did not return ${digest}`);
  await rig.settled();
  const cold = contentSoFar(rig);
  assert.deepEqual(furtherLines(rig).slice(furtherBefore.length), [], 'a cold pull logs only its requests');
  for (const name of upstreamNames) {
    const fetched = cold[name].slice(before[name].length);
    assert.equal(fetched.length > 0, name === upstream, `the cold pull made ${fetched.length} requests to ${name}`);
    assert.deepEqual(fetchedTwice(fetched), [], `${name} sent the same content twice`);
  }
  if (redirected) await untilRedirected(rig, blobsOf(cold.cache.slice(before.cache.length)));
  const { cache: requestsBefore } = contentSoFar(rig);

  await client.remove(reference);
  assert.ok((await client.pull(reference)).includes(digest), `the warm pull did not return ${digest}`);
  await client.remove(reference);
  await rig.settled();
  const warm = contentSoFar(rig);
  for (const name of upstreamNames)
    assert.deepEqual(warm[name].slice(cold[name].length), [], `the warm pull requested content from ${name}`);
  // Without this, the assertion above would also pass for a client that kept its layers.
  const blobs = blobsOf(warm.cache.slice(requestsBefore.length));
  assert.ok(blobs.length > 0, 'the warm pull got no blob from the cache');
  if (redirected) assert.deepEqual([...new Set(blobs.map(({ status }) => status))], [307]);
}

/** Returns the lines of the cache's log that are not in its access log. */
function furtherLines(rig: Rig): string[] {
  return rig.cacheLog().filter((line) => cisternRequests([line]).length === 0);
}

/** The cache itself sends a blob until it is stored, and to a client that requests the whole blob twice. */
async function untilRedirected(rig: Rig, blobs: readonly LoggedRequest[]): Promise<void> {
  for (const { path, ns } of blobs) {
    const url = `http://${rig.cache}${path}${ns === undefined ? '' : `?ns=${ns}`}`;
    await until(
      `${path} is stored`,
      async () => (await sendRequest(url, { headers: { range: 'bytes=0-0' } })).status === 307,
    );
  }
  await rig.settled();
}

function blobsOf(requests: readonly LoggedRequest[]): LoggedRequest[] {
  return requests.filter(({ path }) => path.includes('/blobs/'));
}

function contentSoFar(rig: Rig) {
  return {
    'docker.io': contentGets(rig.upstreamRequests('docker.io')),
    'quay.io': contentGets(rig.upstreamRequests('quay.io')),
    cache: contentGets(rig.cacheRequests()),
  };
}

/** Ranges do not count, because a client may fetch one part after the other. */
function fetchedTwice(requests: readonly LoggedRequest[]): string[] {
  const whole = requests.filter(({ status }) => status === 200).map(({ path }) => path);
  return whole.filter((path, position) => whole.indexOf(path) !== position);
}

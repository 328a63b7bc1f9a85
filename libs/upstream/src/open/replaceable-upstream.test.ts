import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import type { Upstream, UpstreamBlobBody } from '../upstream.ts';
import { openReplaceableUpstream } from './replaceable-upstream.ts';

const repository = parseRepositoryName('a');
const digest = digestOf(Buffer.from('a'));

/** Opens upstreams that record their calls. A call of `headBlob` waits until the test ends it. */
function openStage() {
  const events: string[] = [];
  const waiting: ((size: number) => void)[] = [];
  const currents: (() => boolean)[] = [];
  const opener =
    (name: string) =>
    (isCurrent: () => boolean): Upstream => {
      events.push(`open ${name}`);
      currents.push(isCurrent);
      return {
        name: 'quay.io',
        connectionsPerBlob: 4,
        headBlob: () => {
          events.push(`call ${name}`);
          return new Promise((resolve) => waiting.push(resolve));
        },
        getBlob: async (): Promise<UpstreamBlobBody> => ({
          start: 0,
          totalSize: 2,
          body: (async function* () {
            yield Buffer.from('a');
            yield Buffer.from('b');
          })(),
          close: () => events.push(`close body of ${name}`),
        }),
        listTags: () => Promise.reject(new Error('no lists')),
        close: async () => void events.push(`close ${name}`),
      } as Partial<Upstream> as Upstream;
    };
  const upstream = openReplaceableUpstream(opener('one'));
  return { events, waiting, currents, opener, upstream, take: () => events.splice(0) };
}

test('a call in flight ends with the old settings, new calls use the new ones, and then the old one closes', async () => {
  const { upstream, opener, waiting, currents, take } = openStage();
  const call = upstream.headBlob(repository, digest);
  upstream.replace(opener('two'));
  assert.deepEqual(
    currents.map((isCurrent) => isCurrent()),
    [false, true],
  );
  const other = upstream.headBlob(repository, digest);
  assert.deepEqual(take(), ['open one', 'call one', 'open two', 'call two']);
  waiting[0]?.(1);
  assert.equal(await call, 1);
  assert.deepEqual(take(), ['close one']);
  waiting[1]?.(2);
  assert.equal(await other, 2);
  assert.deepEqual(take(), []);
});

test('an upstream without calls closes when it is replaced', () => {
  const { upstream, opener, take } = openStage();
  upstream.replace(opener('two'));
  assert.deepEqual(take(), ['open one', 'open two', 'close one']);
});

test('a body counts as a call until it is read or closed', async () => {
  const { upstream, opener, take } = openStage();
  const [read, unread] = [await upstream.getBlob(repository, digest), await upstream.getBlob(repository, digest)];
  upstream.replace(opener('two'));
  assert.equal(Buffer.concat(await Array.fromAsync(read.body)).toString(), 'ab');
  assert.deepEqual(take(), ['open one', 'open two']);
  unread.close();
  unread.close();
  assert.deepEqual(take(), ['close body of one', 'close one', 'close body of one']);
});

test('a body that is only aborted ends too', async () => {
  const { upstream, opener, take } = openStage();
  const abort = new AbortController();
  const body = await upstream.getBlob(repository, digest, { signal: abort.signal });
  upstream.replace(opener('two'));
  assert.deepEqual(take(), ['open one', 'open two']);
  abort.abort();
  assert.deepEqual(take(), ['close one']);
  body.close();
  assert.deepEqual(take(), ['close body of one']);
  await upstream.getBlob(repository, digest, { signal: abort.signal });
  upstream.retire();
  assert.deepEqual(take(), ['close two']);
});

test('a failed call ends', async () => {
  const { upstream, opener, take } = openStage();
  const call = upstream.listTags(repository, {});
  upstream.replace(opener('two'));
  await assert.rejects(call, /no lists/);
  assert.deepEqual(take(), ['open one', 'open two', 'close one']);
});

test('a retired upstream closes after its calls, and works again for a job that still uses it', async () => {
  const { upstream, waiting, currents, take } = openStage();
  const call = upstream.headBlob(repository, digest);
  upstream.retire();
  waiting[0]?.(1);
  await call;
  assert.deepEqual(take(), ['open one', 'call one', 'close one']);
  assert.ok(upstream.isClosed());
  const late = upstream.headBlob(repository, digest);
  assert.ok(!upstream.isClosed());
  waiting[1]?.(2);
  assert.equal(await late, 2);
  assert.deepEqual(take(), ['open one', 'call one', 'close one']);
  assert.ok(currents.every((isCurrent) => !isCurrent()));
});

test('close ends all generations', async () => {
  const { upstream, opener, take } = openStage();
  void upstream.headBlob(repository, digest);
  upstream.replace(opener('two'));
  take();
  await upstream.close();
  assert.deepEqual(take(), ['close one', 'close two']);
});

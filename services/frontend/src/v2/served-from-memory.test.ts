// Content in memory gets the same response as content that is opened: the same status, headers and bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

function wishesFor(digest: string): readonly Readonly<Record<string, string>>[] {
  const ranges = [{ range: 'bytes=10-19' }, { range: 'bytes=200000-' }];
  return [{}, ...ranges, { 'if-none-match': `"${digest}"` }, { 'if-none-match': '"other"' }];
}

function bytesOf(log: readonly Record<string, unknown>[]) {
  return log.map((line) => [line['cache'], line['bytes']]);
}

for (const size of [1024, 100_000])
  test(`a response of ${size} bytes from memory equals that of an opened manifest or blob`, async (t) => {
    // The content has every byte value, so that no encoding goes unnoticed.
    const bytes = Buffer.from(Array.from({ length: size }, (_, position) => position % 256));
    const digest = digestOf(bytes);
    const paths = [`manifests/latest`, `manifests/${digest}`, `blobs/${digest}`].map(
      (path) => `/v2/library/nginx/${path}`,
    );
    const [opening, remembering] = await Promise.all(
      [false, true].map(async (isInMemory) => {
        const pullThrough = createMemoryPullThrough({ blobs: [bytes], manifests: [bytes], isInMemory });
        return { pullThrough, ...(await startFrontend(t, { pullThrough })) };
      }),
    );
    assert.ok(opening !== undefined && remembering !== undefined);
    let sent = 0;
    for (const path of paths)
      for (const method of ['GET', 'HEAD'])
        for (const headers of wishesFor(digest)) {
          const opened = await sendRequest(opening.url + path, { method, headers });
          const remembered = await sendRequest(remembering.url + path, { method, headers });
          const without = { date: '', 'x-request-id': '' };
          const what = `${method} ${path} ${JSON.stringify(headers)}`;
          assert.equal(remembered.status, opened.status, what);
          assert.deepEqual({ ...remembered.headers, ...without }, { ...opened.headers, ...without }, what);
          assert.ok(remembered.body.equals(opened.body), what);
          if (method === 'GET' && remembered.status === 200) assert.ok(remembered.body.equals(bytes), what);
          sent += 1;
        }
    await until(() => opening.log.length === sent && remembering.log.length === sent);
    assert.deepEqual(bytesOf(remembering.log), bytesOf(opening.log));
    // Manifests were never opened, and blobs only if the bytes in memory were not enough.
    const calls = remembering.pullThrough.calls.map(({ method, request }) => `${method} ${String(request['intent'])}`);
    assert.deepEqual([...new Set(calls)].sort(), ['openBlob ranges', 'openBlob stat']);
  });

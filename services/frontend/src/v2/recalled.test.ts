// What the process remembers is answered as what has to be opened: the same status, headers and bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '../testing/until.ts';

// Every byte, so that none is taken for a character.
const bytes = Buffer.from(Array.from({ length: 1024 }, (_, position) => position % 256));
const digest = digestOf(bytes);
const paths = [`manifests/latest`, `manifests/${digest}`, `blobs/${digest}`].map((path) => `/v2/library/nginx/${path}`);
const wishes: readonly Readonly<Record<string, string>>[] = [
  {},
  { range: 'bytes=10-19' },
  { range: 'bytes=2000-' },
  { 'if-none-match': `"${digest}"` },
  { 'if-none-match': '"other"' },
];

function bytesSent(log: readonly Record<string, unknown>[]) {
  return log.map((line) => [line['cache'], line['bytesSent']]);
}

test('an answer from memory is that of an opened manifest or blob', async (t) => {
  const [opening, remembering] = await Promise.all(
    [false, true].map(async (remembers) => {
      const pullThrough = createMemoryPullThrough({ blobs: [bytes], manifests: [bytes], remembers });
      return { pullThrough, ...(await startFrontend(t, { pullThrough })) };
    }),
  );
  assert.ok(opening !== undefined && remembering !== undefined);
  let asked = 0;
  for (const path of paths)
    for (const method of ['GET', 'HEAD'])
      for (const headers of wishes) {
        const opened = await sendRequest(opening.url + path, { method, headers });
        const remembered = await sendRequest(remembering.url + path, { method, headers });
        const without = { date: '', 'x-request-id': '' };
        const what = `${method} ${path} ${JSON.stringify(headers)}`;
        assert.equal(remembered.status, opened.status, what);
        assert.deepEqual({ ...remembered.headers, ...without }, { ...opened.headers, ...without }, what);
        assert.ok(remembered.body.equals(opened.body), what);
        asked += 1;
      }
  await until(() => opening.log.length === asked && remembering.log.length === asked);
  assert.deepEqual(bytesSent(remembering.log), bytesSent(opening.log));
  // Manifests were never opened, blobs only where their bytes in memory would not do.
  const calls = remembering.pullThrough.calls.map(({ method, request }) => `${method} ${String(request['intent'])}`);
  assert.deepEqual([...new Set(calls)].sort(), ['openBlob ranges', 'openBlob stat']);
});

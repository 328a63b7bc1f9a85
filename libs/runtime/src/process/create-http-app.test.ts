import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test } from 'node:test';
import { createLazyHttpApp } from './create-http-app.ts';
import { listen } from './listen.ts';

const routing: RequestListener = (request, response) => response.end(`requested ${request.url}`);

const errors: unknown[] = [];
const log = { error: ({ err }: { err: Error }) => void errors.push(err.message) };

async function startListener(app: ReturnType<typeof createLazyHttpApp>) {
  const bound = await listen(app, { kind: 'tcp', host: '127.0.0.1', port: 0 }, 'some.addr');
  assert.ok(bound.kind === 'tcp');
  return async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${bound.port}${path}`, { headers: { connection: 'close' } });
    return `${answer.status} ${await answer.text()}`;
  };
}

test('the first request opens the app for all requests, and it is closed with the listener', async () => {
  const calls: string[] = [];
  const app = createLazyHttpApp(async () => {
    calls.push('open');
    return { routing, close: async () => calls.push('close') };
  }, log);
  const send = await startListener(app);
  assert.deepEqual(calls, []);
  assert.deepEqual(await Promise.all([send('/a'), send('/b')]), ['200 requested /a', '200 requested /b']);
  await app.close();
  assert.deepEqual(calls, ['open', 'close']);
});

test('an app that fails to open is tried again with the next request', async (t) => {
  let tries = 0;
  const app = createLazyHttpApp(async () => {
    tries += 1;
    if (tries === 1) throw new Error('not now');
    return { routing, close: async () => {} };
  }, log);
  t.after(() => app.close());
  const send = await startListener(app);
  assert.equal(await send('/'), '500 ');
  assert.deepEqual(errors, ['not now']);
  assert.equal(await send('/'), '200 requested /');
});

test('an app without any request closes too', async () => {
  const app = createLazyHttpApp(() => assert.fail('there was no request'), log);
  await startListener(app);
  await app.close();
});

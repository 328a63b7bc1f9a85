import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { fastify } from 'fastify';
import { serveConsole } from './serve-console.ts';

async function open(t: TestContext) {
  const app = fastify();
  t.after(() => app.close());
  await serveConsole(app);
  return app;
}

test('the page and its modules load all files that they name, and only from this server', async (t) => {
  const app = await open(t);
  const seen = new Set<string>();
  const load = async (url: string): Promise<void> => {
    if (seen.has(url)) return;
    seen.add(url);
    const { statusCode, headers, body } = await app.inject(url);
    assert.equal(statusCode, 200, url);
    assert.match(String(headers['content-security-policy']), /^default-src 'self';/);
    assert.doesNotMatch(body, /<script(?![^>]* src=)|<style|\sstyle="|\son\w+="/, `${url} has something inline`);
    const imports = url.endsWith('.js')
      ? /^(?:import|export)\b[^;]*?\bfrom ['"]([^'"]+)['"]/gm
      : /(?:src|href)="([^"#]+)"/g;
    for (const [, name = ''] of body.matchAll(imports)) {
      assert.doesNotMatch(name, /^\/\/|:/, `${url} names ${name}`);
      await load(new URL(name, `http://here${url}`).pathname);
    }
  };
  await load('/console/');
  for (const name of ['main.js', 'style.css', 'vendor/lit-html.js'])
    assert.ok(seen.has(`/console/${name}`), `${name} is loaded`);
});

test('the server answers an unchanged file with 304, and serves no other files of the machine', async (t) => {
  const app = await open(t);
  const { headers } = await app.inject('/console/main.js');
  assert.equal(headers['content-type'], 'text/javascript; charset=utf-8');
  const again = await app.inject({ url: '/console/main.js', headers: { 'if-none-match': headers.etag } });
  assert.deepEqual([again.statusCode, again.body], [304, '']);
  for (const url of ['/console/../build-admin.ts', '/console/%2e%2e/build-admin.ts', '/console/tsconfig.json'])
    assert.equal((await app.inject(url)).statusCode, 404, url);
  assert.equal((await app.inject('/console')).headers.location, '/console/');
});

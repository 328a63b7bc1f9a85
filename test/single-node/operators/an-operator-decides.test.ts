// Tests decisions of operators about a running cache, made by commands.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';

async function openCommanded(t: TestContext) {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const cistern = await openCistern(t, { config: cacheOf(upstream), rootDirectory });
  const run = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runCistern([...args, '--data', rootDirectory]);
    return code === 0 ? stdout : `${code} ${stderr}`;
  };
  return { upstream, cistern, run };
}

test('images are pinned, listed and unpinned', async (t) => {
  const { run } = await openCommanded(t);
  const digest = `sha256:${'a'.repeat(64)}`;
  assert.equal(
    await run('pin', 'nginx:1.27', `library/app@${digest}`),
    ['docker.io/library/nginx:1.27 is pinned.\n', `docker.io/library/app@${digest} is pinned.\n`].join(''),
  );
  assert.equal(await run('pins'), `docker.io/library/app@${digest}\ndocker.io/library/nginx:1.27\n`);
  assert.equal(await run('unpin', 'nginx:1.27'), 'docker.io/library/nginx:1.27 is unpinned.\n');
  assert.equal(await run('unpin', 'nginx:1.27'), 'docker.io/library/nginx:1.27 was not pinned.\n');
  assert.equal(await run('pins'), `docker.io/library/app@${digest}\n`);
  assert.match(
    await run('pin', 'unknown.example/a:b'),
    /^1 cistern: .*"unknown\.example" is no upstream of this cache/,
  );
});

test('an upstream is switched off and on again, and stale responses are listed', async (t) => {
  const { upstream, cistern, run } = await openCommanded(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const pull = () => sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
  assert.equal((await pull()).headers['x-cache'], 'MISS');
  assert.equal(await run('offline'), 'online   docker.io\n');
  assert.equal(await run('offline', 'on', 'docker.io'), 'offline  docker.io  (set by an operator)\n');
  const before = upstream.count();
  assert.equal((await pull()).headers['x-cache'], 'STALE');
  assert.equal(upstream.count(), before);
  assert.equal(await run('offline', 'off'), 'online   docker.io  (set by an operator)\n');
  assert.equal((await pull()).headers['x-cache'], 'REVALIDATED');
  assert.equal(await run('offline', 'reset'), 'online   docker.io\n');
  // The tag was not stale for long enough to be listed.
  assert.equal(await run('stale'), '');
  assert.match(await run('offline', 'on', 'unknown.example'), /^1 cistern: /);
});

test('a command reports that no cache runs', async (t) => {
  const directory = await openDirectory(t);
  const { code, stderr } = await runCistern(['pins', '--data', directory]);
  assert.equal(code, 1);
  assert.match(stderr, /is unreachable .*Check that it runs\./);
});

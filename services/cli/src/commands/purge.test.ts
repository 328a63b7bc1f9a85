// Tests the questions and the output of `cistern purge`, with a fake server of the admin API.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { type CommandOptions, runCommand } from '../testing/start-command.ts';

const total = { tags: 2, manifests: 3, blobs: 4, bytes: 5_000_000 };
const plan = [{ tag: 'quay.io/a:1' }, { tag: 'quay.io/b:1' }, { result: total }];

/** Starts a server. `requests` has the requests that it got. */
async function start(t: TestContext) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push(`${request.url} ${body}`);
      if (body.includes('broken')) return response.writeHead(503).end('{"message":"The index is away."}');
      if (request.url === '/v1/purge/plan') return response.end(plan.map((line) => JSON.stringify(line)).join('\n'));
      return response.end(JSON.stringify({ purged: { tags: 1, manifests: 1, blobs: 0 } }));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const run = (args: readonly string[], options?: CommandOptions) =>
    runCommand(['purge', '--url', url, ...args], options);
  return { url, requests, run };
}

const planRequest = '/v1/purge/plan {"upstream":"quay.io"}';
const purgeRequest = '/v1/purge {"upstream":"quay.io"}';

test('on a terminal, the purge of an upstream asks with the numbers and needs a yes', async (t) => {
  const { url, requests, run } = await start(t);
  for (const stdin of ['\n', 'n\n', 'no\n', '']) {
    const { code, stdout, stderr } = await run(['--upstream', 'quay.io'], { isTyped: true, stdin });
    assert.deepEqual([code, stdout], [1, ''], stdin);
    assert.match(stderr, /cistern: Nothing was changed\.\n$/);
    const question = `This removes everything of quay.io: 2 tags, 3 manifests and 4 blobs, 5.00 MB. The admin server at ${url} serves it. Continue? [y/N] `;
    assert.ok(stderr.startsWith(question), stderr);
  }
  assert.deepEqual(new Set(requests), new Set([planRequest]));
  const confirmed = await run(['--upstream', 'quay.io'], { isTyped: true, stdin: 'Y\n' });
  assert.deepEqual([confirmed.code, confirmed.stdout], [0, 'quay.io: removed 1 tag, 1 manifest and 0 blobs.\n']);
  assert.deepEqual(requests.slice(-2), [planRequest, purgeRequest]);
});

test('without a terminal, the purge of an upstream needs --yes, and images do not', async (t) => {
  const { requests, run } = await start(t);
  const refused = await run(['--upstream', 'quay.io']);
  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  assert.match(
    refused.stderr,
    /standard input is not a terminal\. Pass --yes, or see the consequences with --dry-run\./,
  );
  assert.deepEqual(requests, []);
  assert.equal((await run(['--upstream', 'quay.io', '--yes'])).code, 0);
  assert.equal((await run(['nginx'])).code, 0);
  assert.deepEqual(requests, [purgeRequest, '/v1/purge {"image":"nginx"}']);
});

test('a dry run lists the tags and the total, and purges nothing', async (t) => {
  const { requests, run } = await start(t);
  const { code, stdout } = await run(['--upstream', 'quay.io', '--dry-run']);
  const expected = 'quay.io/a:1\nquay.io/b:1\nquay.io: would remove 2 tags, 3 manifests and 4 blobs, 5.00 MB.\n';
  assert.deepEqual([code, stdout, requests], [0, expected, [planRequest]]);
  const { stdout: json } = await run(['--upstream', 'quay.io', '--dry-run', '--json']);
  const result = { target: 'quay.io', tags: ['quay.io/a:1', 'quay.io/b:1'], total };
  assert.deepEqual(JSON.parse(json), { results: [result] });
});

test('with --json, several images are one document, also if one of them fails', async (t) => {
  const { run } = await start(t);
  const { code, stdout, stderr } = await run(['a', 'broken', 'c', '--json']);
  const purged = { tags: 1, manifests: 1, blobs: 0 };
  const { results } = JSON.parse(stdout) as { readonly results: readonly object[] };
  assert.partialDeepStrictEqual(results, [{ target: 'a', purged }, { target: 'broken' }, { target: 'c', purged }]);
  assert.match(JSON.stringify(results[1]), /"error":\{"message":"The admin server .*: The index is away\."\}/);
  assert.equal(code, 1);
  assert.match(stderr, /^cistern: broken: The admin server [^\n]+\n$/);
});

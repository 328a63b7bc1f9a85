// Tests tokens for machines: a command creates and revokes them, and every frontend applies changes within seconds.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createRobotToken } from '@cistern/auth';
import { assertRefused } from '../src/assert-refused.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { basic, openClusterStage } from './cluster-stage.ts';

const password = 'password-of-ada';
const stage = await openClusterStage({ after }, { password, auth: { robots: true, tokenserver: {} } });
stage.upstream.addImage('library/app', { tag: 'latest' });
stage.upstream.addImage('team/app', { tag: 'latest' });

const token = async (...args: string[]) => {
  const run = await runCistern(['token', ...args, '--config', stage.configFile]);
  assert.equal(run.code, 0, run.stderr);
  return run.stdout.trim();
};
const made = await token('create', 'ci-main', '--pull', 'ghcr.io/team/*', '--expires', '12h');

const statusOf = async (frontend: { readonly url: string }, path: string, headers: Record<string, string>) =>
  (await sendRequest(frontend.url + path, { headers })).status;

async function accessToken(frontend: { readonly url: string }): Promise<string> {
  const answer = await sendRequest(`${frontend.url}/token?scope=repository:ghcr.io/team/app:pull`, {
    headers: basic('whoever', made),
  });
  assert.equal(answer.status, 200);
  return (JSON.parse(answer.body.toString()) as { readonly token: string }).token;
}

test('a robot pulls only its own repositories, under any user name', async () => {
  for (const frontend of stage.frontends)
    for (const user of ['ci-main', 'whoever']) {
      const headers = basic(user, made);
      assert.equal(await statusOf(frontend, '/v2/', headers), 200);
      assert.equal(await statusOf(frontend, '/v2/ghcr.io/team/app/manifests/latest', headers), 200);
      const denied = await sendRequest(`${frontend.url}/v2/library/app/manifests/latest`, { headers });
      assertRefused(denied, 403, 'DENIED');
    }
  const log = stage.frontends.flatMap((node) => node.log()).join('\n');
  assert.match(log, /"user":"robot:ci-main"/);
  assert.match(log, /"denied":"the caller's grants do not include docker\.io\/library\/app"/);
});

test('the list shows the robot, but not its token', async () => {
  const list = await token('list');
  assert.match(list, /^ci-main {2}[0-9a-f]{16} {2}until \S+ {2}ghcr\.io\/team\/\*$/);
  assert.ok(!list.includes(made.slice(-20)));
});

test('a name that is taken or missing fails with a message', async () => {
  const again = await runCistern(['token', 'create', 'ci-main', '--config', stage.configFile]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^cistern: A token named ci-main already exists. Revoke it first\.\n$/);
  const none = await runCistern(['token', 'revoke', 'nobody', '--config', stage.configFile]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /There is no token with the name or id "nobody"/);
});

test('a token cannot be forged with write access to the store', async () => {
  const forged = createRobotToken({ name: 'root', createdAtMs: 0 });
  const robots = join(stage.rootDirectory, 'cistern/state/robots');
  const object = JSON.stringify({ schema: 1, ...forged.record });
  await writeFile(join(robots, `${forged.record.id}.json`), object);
  for (const frontend of stage.frontends)
    assert.equal(await statusOf(frontend, '/v2/', basic('root', forged.token)), 401);
  assert.doesNotMatch(await token('list'), /root/);
});

test('all frontends reject a revoked token and its access tokens, and accept others', async () => {
  const access = await accessToken(stage.frontends[0]);
  const bearer = { authorization: `Bearer ${access}` };
  for (const frontend of stage.frontends) assert.equal(await statusOf(frontend, '/v2/', bearer), 200);
  await token('revoke', 'ci-main');
  for (const frontend of stage.frontends)
    for (const headers of [basic('ci-main', made), bearer])
      await until('the token is rejected', async () => (await statusOf(frontend, '/v2/', headers)) === 401);
  for (const frontend of stage.frontends) assert.equal(await statusOf(frontend, '/v2/', basic('ada', password)), 200);
});

test('the token is stored nowhere', async () => {
  const second = await token('create', 'other');
  for (const frontend of stage.frontends) assert.equal(await statusOf(frontend, '/v2/', basic('', second)), 200);
  const log = stage.frontends.flatMap((node) => node.log()).join('\n');
  const stored = await stage.stored();
  for (const secret of [made, second].map((one) => one.slice(-43)))
    for (const [where, text] of Object.entries({ log, stored })) assert.ok(!text.includes(secret), where);
});

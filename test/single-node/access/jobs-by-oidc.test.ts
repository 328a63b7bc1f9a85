// Tests jobs that log in with their issuer's token. Frontends reach no issuer: a worker fetches the keys.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertRefused } from '../src/assert-refused.ts';
import { audience, openIssuer } from '../src/open-issuer.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { errorsOf, sendRequest } from '../src/send-request.ts';
import { basic, openClusterStage } from './cluster-stage.ts';

const issuer = await openIssuer({ after });
const stage = await openClusterStage(
  { after },
  {
    password: 'password-of-ada',
    auth: {
      tokenserver: {},
      oidc: {
        forge: {
          issuer: issuer.url,
          audience,
          rules: [
            { when: { repository_owner: 'acme' }, pull: ['docker.io/library/*'] },
            { when: { repository: 'acme/app', ref: 'refs/heads/*' }, pull: ['ghcr.io/team/*'] },
          ],
          labels: ['repository', 'run_id'],
        },
      },
    },
  },
);
stage.upstream.addImage('library/app', { tag: 'latest' });
stage.upstream.addImage('team/app', { tag: 'latest' });
const claims = {
  sub: 'repo:acme/app:ref:refs/heads/main',
  repository: 'acme/app',
  repository_owner: 'acme',
  ref: 'refs/heads/main',
  run_id: '4711',
};
const shown: string[] = [];
const tokenOf = async (changed: Readonly<Record<string, unknown>> = {}) => {
  const token = await issuer.token({ ...claims, ...changed });
  shown.push(token);
  return token;
};

const paths = {
  shared: '/v2/library/app/manifests/latest',
  team: '/v2/ghcr.io/team/app/manifests/latest',
  other: '/v2/docker.io/team/app/manifests/latest',
};

test('every frontend accepts the token of a job as password and bearer token, and exchanges it for access tokens', async () => {
  const token = await tokenOf();
  for (const { url } of stage.frontends) {
    const scope = 'repository:library/app:pull repository:ghcr.io/team/app:pull';
    const answer = await sendRequest(`${url}/token?${new URLSearchParams({ scope }).toString()}`, {
      headers: basic('job', token),
    });
    assert.equal(answer.status, 200);
    const { token: access } = JSON.parse(answer.body.toString()) as { readonly token: string };
    shown.push(access);
    for (const headers of [
      basic('job', token),
      { authorization: `Bearer ${token}` },
      { authorization: `Bearer ${access}` },
    ])
      for (const [path, status] of [
        [paths.shared, 200],
        [paths.team, 200],
        [paths.other, 403],
      ] as const)
        assert.equal((await sendRequest(url + path, { headers })).status, status, path);
  }
  assert.deepEqual(issuer.requests(), ['/.well-known/openid-configuration', '/keys'], 'a worker fetched the keys once');
});

test('the claims of a job decide about its pulls', async () => {
  const [{ url }] = stage.frontends;
  const headers = basic('job', await tokenOf({ ref: 'refs/tags/v1' }));
  assert.equal((await sendRequest(url + paths.shared, { headers })).status, 200);
  assertRefused(await sendRequest(url + paths.team, { headers }), 403, 'DENIED');
});

test('tokens of another issuer or audience, expired tokens and unsigned ones are rejected', async () => {
  const [{ url }] = stage.frontends;
  const stranger = await openIssuer({ after });
  // real-time: a token that expired an hour ago
  const past = Math.floor(Date.now() / 1000) - 3600;
  for (const token of [
    await tokenOf({ repository_owner: 'evil', repository: 'evil/app' }),
    await tokenOf({ aud: 'https://another.test' }),
    await tokenOf({ exp: past }),
    await stranger.token(claims),
    await stranger.token({ ...claims, iss: issuer.url }),
    `${await tokenOf()}x`,
  ]) {
    shown.push(token);
    const answer = await sendRequest(url + paths.shared, { headers: basic('job', token) });
    assertRefused(answer, 401, 'UNAUTHORIZED');
    assert.doesNotMatch(errorsOf(answer)[0]!.message, /acme|audience|key|expired/);
  }
});

test('a new key of the issuer is found', async () => {
  await issuer.rotate();
  const headers = basic('job', await tokenOf());
  const [{ url }] = stage.frontends;
  // The issuer gets at most one request in ten seconds, for any tokens.
  let status = 0;
  // real-time: a frontend checks for new keys at most every ten seconds
  for (const deadline = Date.now() + 30_000; status !== 200 && Date.now() < deadline;) {
    status = (await sendRequest(url + paths.shared, { headers })).status;
    await delay(200);
  }
  assert.equal(status, 200);
  assert.ok(issuer.requests().length <= 8, 'the issuer got too many requests');
});

test('the log names the job, metrics count it, and neither contains a token', async () => {
  const [one, other] = stage.frontends;
  const log = [one, other].flatMap((node) => node.log()).join('\n');
  assert.match(log, /"user":"oidc:forge\/repo:acme\/app:ref:refs\/heads\/main"/);
  assert.match(log, /"labels":\{"repository":"acme\/app","run_id":"4711"\}/);
  assert.match(log, /"denied":"the claims of forge\/repo:acme\/app:ref:refs\/heads\/main match no rule"/);
  const metrics = await readMetrics({ metricsUrl: one.debugUrl });
  assert.ok((metrics.get('cistern_authentications_total{method="oidc",result="accepted"}') ?? 0) > 0);
  assert.ok((metrics.get('cistern_authentications_total{method="oidc",result="refused"}') ?? 0) > 0);
  const stored = await stage.stored();
  for (const token of shown)
    for (const secret of [token, token.split('.')[2]!])
      for (const [where, text] of Object.entries({ log, stored })) assert.ok(!text.includes(secret), where);
});

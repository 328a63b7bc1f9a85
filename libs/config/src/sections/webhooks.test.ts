import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from '../testing.ts';

const secret = 'sixteen bytes or more';

test('a webhook belongs to the upstream of its provider, unless it names another', () => {
  const { webhooks } = load(
    `webhooks:
  hub: { provider: docker-hub, secret: ${secret} }
  packages: { provider: github, secretfile: /secret }
  harbour: { provider: distribution, secret: ${secret}, upstream: quay.io }
  ci: { provider: generic, secret: ${secret} }`,
    { files: { '/secret': `${secret}\n` } },
  );
  assert.deepEqual(
    webhooks.map((webhook) => ({ ...webhook, secret: webhook.secret.reveal() })),
    [
      { name: 'hub', provider: 'docker-hub', upstream: 'docker.io', secret },
      { name: 'packages', provider: 'github', upstream: 'ghcr.io', secret },
      { name: 'harbour', provider: 'distribution', upstream: 'quay.io', secret },
      { name: 'ci', provider: 'generic', upstream: 'docker.io', secret },
    ],
  );
  assert.deepEqual(load(undefined).webhooks, []);
});

test('a webhook without a sufficient secret or with an unknown upstream is rejected', () => {
  const problems = problemsOf(`
upstreams: { registry.example.com: { url: "https://registry.example.com" } }
webhooks:
  open: { provider: generic }
  short: { provider: generic, secret: x }
  hub: { provider: docker-hub, secret: ${secret} }
  "a/b": { provider: generic, secret: ${secret} }
`);
  assert.deepEqual(problems.map(({ path }) => path).sort(), [
    'webhooks.a/b',
    'webhooks.hub.upstream',
    'webhooks.open.secret',
    'webhooks.short.secret',
  ]);
  const unknown = problemsOf(`webhooks: { lab: { provider: gitlab, secret: ${secret} } }`);
  assert.deepEqual(
    unknown.map(({ path }) => path),
    ['webhooks.lab.provider'],
  );
});

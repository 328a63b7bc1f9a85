import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretName, redactFields, redactText, redactUrl } from './redact.ts';

const signatureOf = (length: number): string => 'aB3_'.repeat(length / 4);

test('the signatures of signed URLs are redacted, and the rest stays readable', () => {
  const secret = signatureOf(64);
  const signed = [
    `https://b.s3.amazonaws.com/data?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${secret}&X-Amz-Signature=${secret}`,
    `https://storage.googleapis.com/x?GoogleAccessId=${secret}&Expires=1&Signature=${secret}`,
    `https://x.blob.core.windows.net/y?se=2026&sig=${secret}&sp=r`,
    `https://d.cloudfront.net/z?Expires=1&Signature=${secret}&Key-Pair-Id=${secret}&Policy=${secret}`,
    `https://production.cloudflare.docker.com/registry-v2/data?expires=1&verify=${secret}`,
    `https://cdn.example/blob?unheard-of=${secret}`,
  ];
  for (const url of signed) {
    const shown = redactUrl(url);
    assert.ok(!shown.includes(secret), shown);
    assert.equal(new URL(shown).pathname, new URL(url).pathname);
  }
  assert.match(redactUrl(signed[2] ?? ''), /\?se=2026&sig=\[redacted\]&sp=r$/);
});

test('user info is redacted, with and without a password', () => {
  assert.equal(redactUrl('https://me:pw@host/x'), 'https://[redacted]@host/x');
  assert.equal(redactUrl('https://ghp_token@host/x'), 'https://[redacted]@host/x');
  assert.equal(redactUrl('https://host/x@sha256:00'), 'https://host/x@sha256:00');
});

test('names, digests and page positions of the registry API are not redacted', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  for (const url of [
    `/v2/x/tags/list?n=100&last=${'a'.repeat(60)}`,
    `/v2/x/blobs/uploads/?digest=${digest}&mount=${digest}`,
    `https://auth.docker.io/token?service=registry.docker.io&scope=repository:${'long/'.repeat(12)}x:pull`,
  ])
    assert.equal(redactUrl(url), url);
});

test('credentials in any text are redacted, and JSON stays valid', () => {
  const text = JSON.stringify({
    message: 'Authorization: Bearer eyJhbGciOi.J9-_x was refused by https://u:hunter2@h/?sig=hunter2',
    body: JSON.stringify({ token: 'hunter2', password: 'hunter2"quoted' }),
  });
  const shown = redactText(text);
  assert.doesNotMatch(shown, /eyJ|hunter2/);
  JSON.parse(shown);
});

test('isSecretName distinguishes names of secrets from other names', () => {
  for (const name of [
    'Authorization',
    'proxy-authorization',
    'Set-Cookie',
    'accessToken',
    'secretkey',
    'X-Registry-Auth',
  ])
    assert.ok(isSecretName(name), name);
  for (const name of ['passwordfile', 'tokenRealm', 'tokens', 'author', 'key', 'digest', 'signatures'])
    assert.ok(!isSecretName(name), name);
});

test('fields of any type and depth are redacted, and the original is unchanged', () => {
  const original = {
    upstreams: [{ auth: { password: ['a', { b: 'c' }], username: 'me' } }],
    token: 7,
    secret: undefined,
  };
  assert.deepEqual(redactFields(original), {
    upstreams: [{ auth: { password: '[redacted]', username: 'me' } }],
    token: '[redacted]',
    secret: undefined,
  });
  assert.equal(original.token, 7);
});

test('a text made to be slow takes linear time', () => {
  const began = process.cpuUsage();
  for (const piece of ['\\', '?', '&', '=', '"', '://', 'basic ', 'a', '"a', '?a', ' ', '"token\\'])
    redactText(piece.repeat(200_000));
  // Linear time is well under a second, and quadratic time would be minutes.
  assert.ok(process.cpuUsage(began).user < 30_000_000);
});

test('an object that contains itself is cut', () => {
  const loop: Record<string, unknown> = { name: 'loop' };
  loop['self'] = loop;
  assert.match(JSON.stringify(redactFields(loop)), /too deep/);
});

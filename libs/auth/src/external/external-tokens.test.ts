import assert from 'node:assert/strict';
import { createHash, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createLogger } from '@cistern/telemetry';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { makeChain } from '../testing/make-certificates.ts';
import { type ExternalTokensOptions, openExternalTokens } from './open-external-tokens.ts';

const [root, middle, leaf] = (await makeChain(['root', 'middle', 'leaf'])) as never as [Made, Made, Made];
const [stranger, strangersLeaf] = (await makeChain(['root', 'leaf'])) as never as [Made, Made];
// The certificates have the machine's clock. The latest of their start times makes all of them valid.
const nowSeconds = Math.max(
  ...[root, middle, leaf, stranger, strangersLeaf].map(({ certificate }) => Date.parse(certificate.validFrom) / 1000),
);
type Made = Awaited<ReturnType<typeof makeChain>>[number];

const claims = {
  iss: 'the server',
  aud: 'the cache',
  sub: 'ada',
  exp: nowSeconds + 300,
  nbf: nowSeconds,
  access: [
    { type: 'repository', name: 'library/app', actions: ['pull', 'push'] },
    { type: 'repository', name: 'pushed/only', actions: ['push'] },
    { type: 'repository', name: 'malformed', actions: 'pull' },
    null,
    { type: 'registry', name: 'catalog', actions: ['*'] },
  ],
};

const sign = (
  key: KeyObject,
  header: Readonly<Record<string, unknown>>,
  changed: Readonly<Record<string, unknown>> = {},
  alg = 'ES256',
) => new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg, typ: 'JWT', ...header }).sign(key);

async function open(
  t: TestContext,
  files: { readonly bundle?: string; readonly jwks?: string },
  options: Partial<ExternalTokensOptions> = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-tokens-'));
  t.after(() => rm(directory, { recursive: true }));
  const [bundlePath, jwksPath] = [join(directory, 'bundle.pem'), join(directory, 'jwks.json')];
  if (files.bundle !== undefined) await writeFile(bundlePath, files.bundle);
  if (files.jwks !== undefined) await writeFile(jwksPath, files.jwks);
  const verify = await openExternalTokens({
    issuer: claims.iss,
    service: claims.aud,
    rootCertBundle: files.bundle === undefined ? undefined : bundlePath,
    jwks: files.jwks === undefined ? undefined : jwksPath,
    algorithms: ['ES256', 'RS256'],
    log: createLogger({ level: 'error', formatter: 'json', destination: { write() {} } }),
    now: () => nowSeconds * 1000,
    ...options,
  });
  return { verify, bundlePath, jwksPath };
}

/** Computes the libtrust `kid` of a key in another way. */
function fingerprint(key: KeyObject): string {
  const hash = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 60);
  const digits = BigInt(`0x${hash}`).toString(32).padStart(48, '0');
  const letters = digits.replace(/./g, (digit) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(digit, 32)]!);
  return letters.replace(/(.{4})(?!$)/g, '$1:');
}

test('a token names its user, its repositories and whether the catalog may be listed', async (t) => {
  const { verify } = await open(t, { bundle: root.pem });
  const token = await sign(leaf.privateKey, { x5c: [leaf.base64, middle.base64] });
  const identity = { name: 'ada', method: 'token', scopes: ['library/app'], mayList: true };
  assert.deepEqual(await verify(token), { result: 'accepted', method: 'token', identity });
  const anonymous = await verify(
    await sign(leaf.privateKey, { x5c: [leaf.base64, middle.base64] }, { sub: undefined, access: undefined }),
  );
  assert.deepEqual(anonymous?.result === 'accepted' && anonymous.identity, {
    name: '',
    method: 'token',
    scopes: [],
    mayList: false,
  });
});

test('the key is found by a chain to the bundle, or by any kid that token servers use for it', async (t) => {
  const { verify } = await open(t, { bundle: `${root.pem}\n${leaf.pem}` });
  const { publicKey } = leaf.certificate;
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  for (const header of [
    { x5c: [leaf.base64, middle.base64] },
    { x5c: [leaf.base64] },
    { x5c: [leaf.base64, middle.base64, root.base64] },
    { kid: fingerprint(publicKey) },
    { kid: thumbprint },
  ])
    assert.equal((await verify(await sign(leaf.privateKey, header)))?.result, 'accepted', JSON.stringify(header));
});

test('a token with another key or invalid claims is rejected', async (t) => {
  const { verify } = await open(t, { bundle: root.pem });
  const chain = { x5c: [leaf.base64, middle.base64] };
  for (const [what, token] of Object.entries({
    'another chain': await sign(strangersLeaf.privateKey, { x5c: [strangersLeaf.base64, stranger.base64] }),
    'an unknown root': await sign(stranger.privateKey, { x5c: [stranger.base64] }),
    'our chain and another key': await sign(strangersLeaf.privateKey, chain),
    'our root behind another leaf': await sign(strangersLeaf.privateKey, { x5c: [strangersLeaf.base64, root.base64] }),
    'a chain with a hole': await sign(leaf.privateKey, { x5c: [leaf.base64] }),
    'a leaf as an authority': await sign(strangersLeaf.privateKey, {
      x5c: [strangersLeaf.base64, leaf.base64, middle.base64],
    }),
    'an empty chain': await sign(leaf.privateKey, { x5c: [] }),
    'an invalid chain': await sign(leaf.privateKey, { x5c: ['AAAA', 7] }),
    'no key name': await sign(leaf.privateKey, {}),
    'an unknown name': await sign(leaf.privateKey, { kid: fingerprint(leaf.certificate.publicKey) }),
    'another issuer': await sign(leaf.privateKey, chain, { iss: 'other' }),
    'another service': await sign(leaf.privateKey, chain, { aud: 'other' }),
    expired: await sign(leaf.privateKey, chain, { exp: nowSeconds - 61 }),
    'not yet': await sign(leaf.privateKey, chain, { nbf: nowSeconds + 61 }),
    'for ever': await sign(leaf.privateKey, chain, { exp: undefined }),
    nothing: 'x',
  })) {
    const found = await verify(token);
    assert.ok(found?.result === 'refused' && found.method === 'token', what);
    assert.equal(found.message, 'The access token is invalid or has expired.', what);
  }
  const late = await open(t, { bundle: root.pem }, { now: () => (nowSeconds + 3 * 86_400) * 1000 });
  const token = await sign(leaf.privateKey, chain, { exp: nowSeconds + 4 * 86_400 });
  assert.match(String(((await late.verify(token)) as { why?: string }).why), /not yet valid or has expired/);
});

test('a changed key set is reloaded, and the algorithms can be restricted', async (t) => {
  const [one, two] = await Promise.all([generateKeyPair('RS256'), generateKeyPair('RS256')]);
  const setOf = async (kid: string, { publicKey }: typeof one) =>
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid }] });
  const { verify, jwksPath } = await open(t, { jwks: await setOf('one', one) });
  const signRsa = (pair: typeof one, kid: string) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(pair.privateKey);
  const token = await signRsa(one, 'one');
  assert.equal((await verify(token))?.result, 'accepted');
  await writeFile(jwksPath, await setOf('two', two));
  assert.equal((await verify(token))?.result, 'refused');
  assert.equal((await verify(await signRsa(two, 'two')))?.result, 'accepted');
  await writeFile(jwksPath, '{}');
  assert.equal((await verify(await signRsa(two, 'two')))?.result, 'accepted', 'a broken file changes nothing');
  const few = await open(t, { jwks: await setOf('one', one) }, { algorithms: ['ES256'] });
  assert.equal((await few.verify(token))?.result, 'refused');
});

test('opening an invalid file fails with the reason', async (t) => {
  for (const [files, reason] of [
    [{ bundle: 'x' }, /bundle\.pem is wrong: it contains no PEM certificate/],
    [{ jwks: 'x' }, /jwks\.json is wrong: it is not JSON/],
    [{ jwks: '{"keys":[]}' }, /it is not a JWKS/],
    [{ jwks: '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}' }, /key 1 has no kid/],
    [{ jwks: '{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}' }, /is wrong/],
  ] as const)
    await assert.rejects(open(t, files), reason);
});

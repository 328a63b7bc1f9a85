// Tests the known ways to forge a JSON Web Token, on our own tokens, those of an external token server and those of
// jobs.
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createLogger } from '@cistern/telemetry';
import type { TokenMethod } from './authentication/create-authenticator.ts';
import { openExternalTokens } from './external/open-external-tokens.ts';
import { createOidcMethod } from './oidc/create-oidc-method.ts';
import { createAccessTokens } from './tokens/create-access-tokens.ts';
import { createMemoryTokenKeys } from './tokens/token-keys.ts';

const nowSeconds = 1_700_000_000;
const now = () => nowSeconds * 1000;
const url = 'https://issuer.test';
const audience = 'https://cache.test';

type Json = Readonly<Record<string, unknown>>;

/** A kind of token, and everything that an issuer needs to create one. */
interface Kind {
  readonly verify: TokenMethod;
  readonly header: Json;
  readonly claims: Json;
  readonly sign: (text: string) => Buffer;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strangersCurve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signRsa = (key: KeyObject) => (text: string) => signBytes('sha256', Buffer.from(text), key);
const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'key', use: 'sig' };
const claims = { iss: url, aud: audience, sub: 'ada', iat: nowSeconds, nbf: nowSeconds, exp: nowSeconds + 300 };

async function ownTokens(): Promise<Kind> {
  const keys = createMemoryTokenKeys();
  const { id, secret } = await keys.current();
  const { verify } = createAccessTokens({ keys, service: audience, lifetimeMs: 300_000, now });
  return {
    verify,
    header: { alg: 'HS256', typ: 'JWT', kid: id },
    claims: { ...claims, iss: 'cistern', access: [], cistern: { method: 'password' } },
    sign: (text) => createHmac('sha256', secret).update(text).digest(),
  };
}

async function tokensOfServer(): Promise<Kind> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-forged-'));
  after(() => rm(directory, { recursive: true }));
  const jwks = join(directory, 'jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [jwk] }));
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const verify = await openExternalTokens({
    issuer: url,
    service: audience,
    rootCertBundle: undefined,
    jwks,
    algorithms: ['RS256', 'ES256'],
    log,
    now,
  });
  return { verify, header: { alg: 'RS256', typ: 'JWT', kid: 'key' }, claims, sign: signRsa(rsa.privateKey) };
}

const keySet = async () => ({ keys: [{ ...jwk, kty: 'RSA' }] });

function tokensOfJobs(): Kind {
  const rules = [{ when: { sub: ['ada', 'root'] }, grants: ['**'] }];
  const issuers = [{ name: 'ci', url, audiences: [audience], rules, labels: [] }];
  const verify = createOidcMethod({ issuers, keys: { get: keySet, getFresh: keySet }, now });
  return { verify, header: { alg: 'RS256', typ: 'JWT', kid: 'key' }, claims, sign: signRsa(rsa.privateKey) };
}

const encode = (bytes: string | Buffer) => Buffer.from(bytes).toString('base64url');
const textOf = (value: string | Json) => (typeof value === 'string' ? value : JSON.stringify(value));

/** Joins the header and the payload, and signs them unchanged. */
function join3(header: string | Json, payload: string | Json, sign: (text: string) => Buffer): string {
  const signed = `${encode(textOf(header))}.${encode(textOf(payload))}`;
  return `${signed}.${encode(sign(signed))}`;
}

type Forgery = (kind: Kind) => string;
const withHeader =
  (changed: Json, sign?: Kind['sign']): Forgery =>
  (kind) =>
    join3({ ...kind.header, ...changed }, { ...kind.claims, sub: 'root' }, sign ?? kind.sign);
const withClaims =
  (changed: Json): Forgery =>
  (kind) =>
    join3(kind.header, { ...kind.claims, ...changed }, kind.sign);
const withSignature =
  (sign: (right: Buffer) => Buffer): Forgery =>
  (kind) =>
    join3(kind.header, kind.claims, (text) => sign(kind.sign(text)));
const right: Forgery = (kind) => join3(kind.header, kind.claims, kind.sign);
const hmac =
  (secret: string | Buffer, hash = 'sha256') =>
  (text: string) =>
    createHmac(hash, secret).update(text).digest();
const unsigned = () => Buffer.alloc(0);
const pem = (type: 'spki' | 'pkcs1') => rsa.publicKey.export({ type, format: 'pem' });
const der = rsa.publicKey.export({ type: 'spki', format: 'der' });
const signStranger = signRsa(stranger.privateKey);
const strangersJwk = stranger.publicKey.export({ format: 'jwk' });
const flip = (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte)));

const algorithms: Readonly<Record<string, Forgery>> = {
  ...Object.fromEntries(
    ['none', 'None', 'NONE', 'nOnE', 'none ', '', 'HS0', null, [], 0, undefined].map((alg) => [
      `alg ${JSON.stringify(alg)}, without a signature`,
      withHeader({ alg }, unsigned),
    ]),
  ),
  'alg "none" with the correct signature': withHeader({ alg: 'none' }),
  'the public key (SPKI) as a secret': withHeader({ alg: 'HS256' }, hmac(pem('spki'))),
  'the public key (PKCS 1) as a secret': withHeader({ alg: 'HS256' }, hmac(pem('pkcs1'))),
  'the public key (DER) as a secret': withHeader({ alg: 'HS256' }, hmac(der)),
  'the public key (JWK) as a secret': withHeader({ alg: 'HS256' }, hmac(JSON.stringify(jwk))),
  'the modulus as a secret': withHeader({ alg: 'HS256' }, hmac(Buffer.from(jwk.n ?? '', 'base64url'))),
  'the public key as a secret of HS512': withHeader({ alg: 'HS512' }, hmac(pem('spki'), 'sha512')),
  'an empty secret': withHeader({ alg: 'HS256' }, hmac('')),
  'a guessed secret': withHeader({ alg: 'HS256' }, hmac('secret')),
  'another key of RS256': withHeader({ alg: 'RS256' }, signStranger),
  'another key of ES256': withHeader({ alg: 'ES256' }, (text) =>
    signBytes('sha256', Buffer.from(text), { key: strangersCurve.privateKey, dsaEncoding: 'ieee-p1363' }),
  ),
  'ES256 with zeros': withHeader({ alg: 'ES256' }, () => Buffer.alloc(64)),
  'two algorithms, the last none': ({ header, claims: of }) =>
    join3(`{"alg":"${String(header['alg'])}","kid":"key","alg":"none"}`, of, unsigned),
};

const keys: Readonly<Record<string, Forgery>> = {
  ...Object.fromEntries(
    [
      '../../dev/null',
      '/dev/null',
      "' OR '1'='1",
      '__proto__',
      'constructor',
      'key\0',
      'KEY',
      '',
      0,
      null,
      ['key'],
      {},
    ].map((kid) => [
      `the key ${JSON.stringify(kid)}, signed with nothing`,
      withHeader({ alg: 'HS256', kid }, hmac('')),
    ]),
  ),
  'a key at a URL of the forger': withHeader({ alg: 'RS256', jku: 'https://evil.test/jwks' }, signStranger),
  'a certificate at a URL of the forger': withHeader({ alg: 'RS256', x5u: 'https://evil.test/x' }, signStranger),
  'a key in the token': withHeader({ alg: 'RS256', jwk: strangersJwk }, signStranger),
  'a key in the token and no key name': withHeader({ alg: 'RS256', kid: undefined, jwk: strangersJwk }, signStranger),
  'an invalid certificate in the token': withHeader({ alg: 'RS256', x5c: ['AAAA'] }, signStranger),
  'an unknown critical extension': withHeader({ crit: ['evil'], evil: true }),
  'a payload that is not encoded': withHeader({ b64: false, crit: ['b64'] }),
};

const wrongClaims: Readonly<Record<string, Forgery>> = {
  ...Object.fromEntries(
    [
      { iss: 'https://other.test' },
      { iss: `${url}/` },
      { iss: url.toUpperCase() },
      { iss: `${url}.evil.test` },
      { iss: [url] },
      { iss: undefined },
      { aud: 'https://other.test' },
      { aud: `${audience}/` },
      { aud: [] },
      { aud: ['https://other.test', 'x'] },
      { aud: undefined },
      { exp: nowSeconds - 61 },
      { exp: 0 },
      { exp: -1 },
      { exp: `${nowSeconds + 300}` },
      { exp: null },
      { exp: undefined },
      { nbf: nowSeconds + 61 },
      { nbf: `${nowSeconds}` },
    ].map((changed) => [
      `claims ${JSON.stringify(changed, (_, value) => (value === undefined ? 'none' : value))}`,
      withClaims(changed),
    ]),
  ),
  'two issuers, the last is another one': ({ header, claims: of, sign }) =>
    join3(header, `${JSON.stringify(of).slice(0, -1)},"iss":"https://other.test"}`, sign),
  'two expiry times, the last is past': ({ header, claims: of, sign }) =>
    join3(header, `${JSON.stringify(of).slice(0, -1)},"exp":1}`, sign),
};

const signatures: Readonly<Record<string, Forgery>> = {
  'no signature': withSignature(unsigned),
  'zeros as the signature': withSignature((bytes) => Buffer.alloc(bytes.length)),
  'a shorter signature': withSignature((bytes) => bytes.subarray(0, -1)),
  'a longer signature': withSignature((bytes) => Buffer.concat([bytes, Buffer.alloc(1)])),
  'one bit of the signature': withSignature(flip),
  'the signature of another token': (kind) => {
    const [header, payload] = withClaims({ sub: 'root' })(kind).split('.');
    return `${header}.${payload}.${right(kind).split('.')[2]}`;
  },
};

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const shapes: Readonly<Record<string, Forgery>> = {
  'two parts': (kind) => right(kind).split('.').slice(0, 2).join('.'),
  'four parts': (kind) => `${right(kind)}.x`,
  'five parts, as if encrypted': (kind) =>
    join3({ ...kind.header, alg: 'dir', enc: 'A256GCM' }, kind.claims, kind.sign).replace('.', '..') + '.x',
  'a hundred thousand parts': () => '.'.repeat(100_000),
  'the JSON form': (kind) => {
    const [header, payload, signature] = right(kind).split('.');
    return JSON.stringify({ payload, protected: header, signature });
  },
  'a token in a token': (kind) => join3({ ...kind.header, cty: 'JWT' }, right(kind), kind.sign),
  'a list of claims': (kind) => join3(kind.header, JSON.stringify([kind.claims]), kind.sign),
  'claims that are null': (kind) => join3(kind.header, 'null', kind.sign),
  'claims that are not JSON': (kind) => join3(kind.header, '{', kind.sign),
  'claims in a prototype': (kind) => join3(kind.header, `{"__proto__":${JSON.stringify(kind.claims)}}`, kind.sign),
  'a header that is not JSON': (kind) => join3('{', kind.claims, kind.sign),
  'a header that is a list': (kind) => join3('[]', kind.claims, kind.sign),
  'a deep header': (kind) => join3(`{"alg":${nested(100_000)}}`, kind.claims, kind.sign),
  'deep claims': (kind) => join3(kind.header, nested(100_000), kind.sign),
  'a megabyte of claims, unsigned': (kind) =>
    join3(kind.header, { ...kind.claims, more: 'x'.repeat(1_000_000) }, unsigned),
  'a compressed payload': (kind) => join3({ ...kind.header, zip: 'DEF', crit: ['zip'] }, kind.claims, kind.sign),
  nothing: () => '',
  dots: () => '..',
};

const notValid = 'The access token is invalid or has expired.';
for (const [name, message, kind] of [
  ['own token', notValid, await ownTokens()],
  ['token of a server', notValid, await tokensOfServer()],
  ['token of a job', 'The token of this job is not valid for this cache.', tokensOfJobs()],
] as const) {
  test(`forged tokens: a correct ${name} is accepted`, async () => {
    assert.equal((await kind.verify(right(kind)))?.result, 'accepted');
    for (const changed of [{ aud: ['x', audience] }, { sub: 'root' }])
      assert.equal((await kind.verify(withClaims(changed)(kind)))?.result, 'accepted');
  });
  for (const [what, forge] of Object.entries({ ...algorithms, ...keys, ...wrongClaims, ...signatures, ...shapes }))
    test(`forged tokens: ${name}: ${what}`, async () => {
      const found = await kind.verify(forge(kind));
      // The job method leaves a token of an unknown issuer to the next method, and there is none here.
      if (found === undefined) return assert.equal(name, 'token of a job');
      assert.equal(found.result, 'refused');
      return assert.equal((found as { message?: string }).message, message);
    });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIssuerKeys } from './read-issuer-keys.ts';

const issuer = 'https://issuer.test/path';
const key = { kty: 'RSA', kid: 'a', use: 'sig', alg: 'RS256', n: 'n', e: 'AQAB' };

const read = (documents: Readonly<Record<string, unknown>>) => {
  const requested: string[] = [];
  const keys = readIssuerKeys(issuer, async ({ href }) => {
    requested.push(href);
    if (!(href in documents)) throw new Error(`nothing at ${href}`);
    return documents[href];
  });
  return { keys, requested };
};

const configuration = 'https://issuer.test/path/.well-known/openid-configuration';
const place = 'https://keys.test/jwks';

test('keys are read from the configured URL, and only their needed members are kept', async () => {
  const { keys, requested } = read({
    [configuration]: { issuer, jwks_uri: place },
    [place]: {
      keys: [{ ...key, x5c: ['long'], d: 'secret' }, { ...key, use: 'enc' }, { kty: 'oct', k: 'secret' }, null],
    },
  });
  assert.deepEqual(await keys, [key]);
  assert.deepEqual(requested, [configuration, place]);
});

test('an issuer with another name, or an insecure URL of keys, is rejected', async () => {
  for (const [documents, reason] of [
    [
      { [configuration]: { issuer: 'https://other.test', jwks_uri: place } },
      /reports the name "https:\/\/other\.test"/,
    ],
    [{ [configuration]: { issuer } }, /has no jwks_uri/],
    [{ [configuration]: { issuer, jwks_uri: 'http://keys.test/jwks' } }, /has no jwks_uri/],
    [{ [configuration]: { issuer, jwks_uri: 'file:///etc/passwd' } }, /has no jwks_uri/],
    [{ [configuration]: null }, /not a JSON object/],
    [{ [configuration]: { issuer, jwks_uri: place }, [place]: [] }, /has no keys/],
    [{ [configuration]: { issuer, jwks_uri: place }, [place]: 'x' }, /not a JSON object/],
    [{}, /nothing at/],
  ] as const)
    await assert.rejects(read(documents).keys, reason);
});

// An issuer's public keys, by discovery: OpenID Connect Discovery 1.0, sections 4 and 3.
import type { JWK } from 'jose';

/** Resolves with the JSON that lies there. */
export type ReadJson = (url: URL) => Promise<unknown>;

const maxKeys = 50;
/** What a key needs to verify by; the rest, such as chains of certificates, is left out. */
const members = ['kty', 'kid', 'use', 'alg', 'n', 'e', 'crv', 'x', 'y'] as const;

/** Rejects with an Error where the documents are not what they should be, and as `readJson` does. */
export async function readIssuerKeys(issuer: string, readJson: ReadJson): Promise<readonly JWK[]> {
  const configuration = await readJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
  const { issuer: named, jwks_uri: uri } = asObject(configuration, 'the configuration of the issuer');
  if (named !== issuer)
    throw new Error(`the issuer calls itself ${JSON.stringify(named)}, not ${JSON.stringify(issuer)}`);
  const url = typeof uri === 'string' ? URL.parse(uri) : null;
  if (url === null || (url.protocol !== 'https:' && url.origin !== new URL(issuer).origin))
    throw new Error('the configuration of the issuer names no place of its keys that begins with https://');
  const { keys } = asObject(await readJson(url), 'the set of keys');
  if (!Array.isArray(keys)) throw new Error('the set of keys has none');
  return keys.slice(0, maxKeys).flatMap((key) => toPublicKey(key) ?? []);
}

/** `undefined`: not for verifying signatures by, or a secret. */
function toPublicKey(key: unknown): JWK | undefined {
  if (typeof key !== 'object' || key === null) return undefined;
  const { kty, use = 'sig' } = key as JWK;
  if (use !== 'sig' || (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP')) return undefined;
  const kept = members.flatMap((name) => {
    const value = (key as JWK)[name];
    return typeof value === 'string' ? [[name, value] as const] : [];
  });
  return Object.fromEntries(kept) as JWK;
}

function asObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error(`${what} is no JSON object`);
}

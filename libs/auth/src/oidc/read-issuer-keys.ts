// Reads an issuer's public keys by discovery (OpenID Connect Discovery 1.0, sections 4 and 3).
import type { JWK } from 'jose';

/** Resolves to the JSON at the URL. */
export type ReadJson = (url: URL) => Promise<unknown>;

const maxKeys = 50;
/** The members that verification needs. Others, such as certificate chains, are not stored. */
const members = ['kty', 'kid', 'use', 'alg', 'n', 'e', 'crv', 'x', 'y'] as const;

/** Rejects with an Error if a document is invalid, and as `readJson` does. */
export async function readIssuerKeys(issuer: string, readJson: ReadJson): Promise<readonly JWK[]> {
  const configuration = await readJson(new URL(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`));
  const { issuer: named, jwks_uri: uri } = asObject(configuration, 'the configuration of the issuer');
  if (named !== issuer)
    throw new Error(`the issuer reports the name ${JSON.stringify(named)} instead of ${JSON.stringify(issuer)}`);
  const url = typeof uri === 'string' ? URL.parse(uri) : null;
  if (url === null || (url.protocol !== 'https:' && url.origin !== new URL(issuer).origin))
    throw new Error('the configuration of the issuer has no jwks_uri that begins with https://');
  const { keys } = asObject(await readJson(url), 'the key set');
  if (!Array.isArray(keys)) throw new Error('the key set has no keys');
  return keys.slice(0, maxKeys).flatMap((key) => toPublicKey(key) ?? []);
}

/** Returns `undefined` for a secret, and for a key that does not verify signatures. */
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
  throw new Error(`${what} is not a JSON object`);
}

// Opens an issuer of OIDC tokens for CI jobs, like the issuers of GitHub Actions and GitLab. The issuer serves its
// discovery document and its JWKS, and creates tokens with any claims.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import type { Owner } from './open-stage.ts';

export interface Issuer {
  readonly url: string;
  /**
   * Creates a token for `audience` that is valid for five minutes, signed with the newest key. `claims` are added to
   * the usual claims or replace them.
   */
  token(claims: Readonly<Record<string, unknown>>): Promise<string>;
  /** Signs later tokens with a new key, and removes the old key from the JWKS. */
  rotate(): Promise<void>;
  /** Returns the paths that were requested so far. */
  requests(): readonly string[];
}

/** The audience of the issuer's tokens, unless `claims` contains another `aud`. */
export const audience = 'https://cache.test';

export async function openIssuer(owner: Owner): Promise<Issuer> {
  const requests: string[] = [];
  let key: { readonly id: string; readonly privateKey: CryptoKey; readonly published: JWK };
  let keys = 0;
  const rotate = async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256');
    const id = `key-${(keys += 1)}`;
    key = { id, privateKey, published: { ...(await exportJWK(publicKey)), kid: id, alg: 'RS256', use: 'sig' } };
  };
  await rotate();
  const server = createServer((request, response) => {
    requests.push(request.url ?? '');
    const documents: Readonly<Record<string, unknown>> = {
      '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
      '/keys': { keys: [key.published] },
    };
    const document = documents[request.url ?? ''];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    rotate,
    requests: () => requests,
    async token(claims) {
      // real-time: Cistern checks that tokens are issued at the present time
      const now = Math.floor(Date.now() / 1000);
      const usual = { iss: url, aud: audience, sub: 'job', iat: now, exp: now + 300 };
      const header = { alg: 'RS256', kid: key.id };
      return new SignJWT({ ...usual, ...claims }).setProtectedHeader(header).sign(key.privateKey);
    },
  };
}

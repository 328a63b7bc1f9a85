// The environment for the table of rights: two upstreams with content, the configurations of the caches, and the
// credentials of all callers.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { audience, type Issuer, openIssuer } from '@cistern/single-node/open-issuer';
import { type Owner, openDirectory, openUpstream, seededBytes } from '@cistern/single-node/open-stage';
import { sendRequest } from '@cistern/single-node/send-request';
import type { FakeUpstream } from '@cistern/fake-upstream';
import { bcryptHash } from '@cistern/test-servers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CacheName, Part } from './rights-table.ts';

export interface PartContent {
  readonly upstream: FakeUpstream;
  readonly upstreamName: string;
  /** A `Host` header that selects the upstream. */
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  readonly manifest: { readonly digest: string; readonly bytes: Buffer };
  /** `config` is small enough for a frontend's memory. `flight` is pulled once, while its upstream holds it back. */
  readonly blobs: Readonly<Record<'config' | 'layer' | 'flight', { readonly digest: string; readonly bytes: Buffer }>>;
}

/** Request headers. */
export type Credentials = Readonly<Record<string, string>>;

export interface RightsWorld {
  readonly parts: Readonly<Record<Part, PartContent>>;
  /** Returns the sections of a cache's file that the table needs. */
  configOf(cache: CacheName): Record<string, unknown>;
  /** Returns the headers of a caller, with an address that no other client has. */
  credentialsOf(cache: CacheName, caller: string, site: RightsSite): Promise<Credentials>;
}

export interface RightsSite {
  /** One or more frontends. The ways `store` and `later` use the last one. */
  readonly urls: readonly string[];
  /** Creates a robot's token. */
  createRobot(name: string, pull: readonly string[]): Promise<string>;
}

const users = ['ada', 'bea', 'eve', 'gil'];
const passwordOf = (user: string) => `the password of ${user}`;
const account = (username: string, repositories?: readonly string[]) => ({
  username,
  password: passwordOf(username),
  ...(repositories !== undefined && { repositories }),
});
const cacheAccount = account('cache');
const layerBytes = 300_000;

/** The networks of the table's callers, behind a proxy that the caches trust. */
const networks: Readonly<Record<string, string>> = { in: '10.9.0', outside: '10.8.0', far: '10.7.0' };

export async function openRightsWorld(owner: Owner): Promise<RightsWorld> {
  const accounts = [cacheAccount, account('ann', ['team/app']), account('sam', ['team/secret'])];
  const hub = await openUpstream(owner, { auth: { kind: 'bearer', accounts } });
  const ghcr = await openUpstream(owner);
  const issuer = await openIssuer(owner);
  const directory = await openDirectory(owner);
  const signer = await openTokenSigner(directory);
  const htpasswd = join(directory, 'htpasswd');
  const lines = await Promise.all(users.map(async (user) => `${user}:${await bcryptHash(passwordOf(user))}\n`));
  await writeFile(htpasswd, lines.join(''));
  const parts = {
    own: addPart(hub, 'docker.io', 'team/app', 'own'),
    twin: addPart(ghcr, 'ghcr.io', 'team/app', 'twin'),
    other: addPart(hub, 'docker.io', 'team/secret', 'other'),
  };
  const upstreams = {
    'docker.io': { url: hub.url, default: true, hosts: [parts.own.host], ...withoutRights(cacheAccount) },
    'ghcr.io': { url: ghcr.url, hosts: [parts.twin.host] },
  };
  const verified = { ...upstreams, 'docker.io': { ...upstreams['docker.io'], access: 'verify' } };
  let clients = 0;
  const auth = authSections({ htpasswd, issuer, jwks: signer.jwks });
  return {
    parts,
    configOf: (cache) => ({
      upstreams: cache === 'verified' ? verified : upstreams,
      ...auth[cache],
      access: { rules: rules[cache] },
    }),
    async credentialsOf(cache, caller, site) {
      const [name = '', network = 'outside'] = cache === 'open' ? ['nobody', networkOf(caller)] : caller.split('@');
      const authorization = await authorizationOf({ cache, name, site, issuer, signer });
      return {
        'x-forwarded-for': `${networks[network]!}.${(clients += 1)}`,
        ...(authorization !== undefined && { authorization }),
      };
    },
  };
}

const networkOf = (caller: string) => (caller === 'inside' ? 'in' : caller);

function addPart(upstream: FakeUpstream, upstreamName: string, repository: string, seed: string): PartContent {
  const layer = seededBytes(layerBytes, `${seed} layer`);
  const flight = seededBytes(layerBytes, `${seed} flight`);
  const image = upstream.addImage(repository, { tag: seed, layers: [layer, flight], seed });
  upstream.addReferrer(repository, { subject: image, artifactType: `application/of-${seed}` });
  const config = upstream.find(repository)!.blobs.get(image.config.digest)!;
  return {
    upstream,
    upstreamName,
    host: upstreamName.replace('.io', '.cache.test'),
    repository,
    tag: seed,
    manifest: image,
    blobs: {
      config: { digest: image.config.digest, bytes: Buffer.concat([...config.read(0, config.size)]) },
      layer: { digest: image.layers[0]!.digest, bytes: layer },
      flight: { digest: image.layers[1]!.digest, bytes: flight },
    },
  };
}

function withoutRights({ username, password }: typeof cacheAccount) {
  return { username, password };
}

interface AuthFiles {
  readonly htpasswd: string;
  readonly jwks: string;
  readonly issuer: Issuer;
}

function authSections({ htpasswd, jwks, issuer }: AuthFiles): Readonly<Record<CacheName, Record<string, unknown>>> {
  const pull = ['docker.io/team/app', 'docker.io/team/secret'];
  return {
    login: {
      auth: {
        htpasswd: { realm: 'The cache', path: htpasswd },
        robots: true,
        tokenserver: {},
        oidc: { forge: { issuer: issuer.url, audience, rules: [{ when: { repository: 'acme/app' }, pull }] } },
      },
    },
    open: {},
    tokens: {
      auth: { token: { realm: 'https://auth.test/token', service: 'cache.test', issuer: 'auth.test', jwks } },
    },
    verified: {},
  };
}

const rules: Readonly<Record<CacheName, readonly Record<string, unknown>[]>> = {
  login: [
    { action: 'allow', images: ['docker.io/team/secret'], users: ['eve'], networks: ['10.9.0.0/16'] },
    { action: 'deny', images: ['docker.io/team/secret'], users: ['ada', 'bea', 'eve'] },
    { action: 'deny', images: ['ghcr.io/**'], users: ['bea', 'eve'] },
  ],
  open: [
    { action: 'deny', images: ['docker.io/team/secret'], networks: ['10.7.0.0/16', '10.8.0.0/16'] },
    { action: 'deny', images: ['ghcr.io/**'], networks: ['10.7.0.0/16'] },
  ],
  tokens: [],
  verified: [],
};

/** The repository names in the tokens of the other server. */
const scopes: Readonly<Record<string, readonly string[]>> = {
  app: ['team/app'],
  twin: ['ghcr.io/team/app'],
  secret: ['docker.io/team/secret'],
  all: ['docker.io/team/app', 'ghcr.io/team/app', 'docker.io/team/secret'],
  forged: ['team/app', 'ghcr.io/team/app', 'docker.io/team/secret'],
};

interface AuthorizationOptions {
  readonly cache: CacheName;
  readonly name: string;
  readonly site: RightsSite;
  readonly issuer: Issuer;
  readonly signer: TokenSigner;
}

/** Returns the `Authorization` header. Undefined means that the caller sends no credential. */
async function authorizationOf({
  cache,
  name,
  site,
  issuer,
  signer,
}: AuthorizationOptions): Promise<string | undefined> {
  if (name === 'nobody') return undefined;
  if (cache === 'tokens') return `Bearer ${await signer.tokenFor(name)}`;
  switch (name) {
    case 'stranger':
      return basic('gil', 'wrong');
    case 'wrong':
      return basic('ann', 'wrong');
    case 'own-robot':
      return basic(name, await site.createRobot(name, ['docker.io/team/app']));
    case 'twin-robot':
      return basic(name, await site.createRobot(name, ['ghcr.io/team/app']));
    case 'job':
      return basic(name, await issuer.token({ repository: 'acme/app' }));
    case 'gil-token':
    case 'ann-token':
      return accessToken(site, name.slice(0, -'-token'.length));
    default:
      return basic(name, passwordOf(name));
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** Returns an access token of the cache itself, for team/app of its default upstream. */
async function accessToken({ urls }: RightsSite, user: string): Promise<string> {
  const { body } = await sendRequest(`${urls[0]!}/token?service=cistern&scope=repository:team/app:pull`, {
    headers: { authorization: basic(user, passwordOf(user)), 'x-forwarded-for': `${networks['outside']!}.0` },
  });
  return `Bearer ${(JSON.parse(body.toString()) as { readonly token: string }).token}`;
}

interface TokenSigner {
  /** Path of the file with the public keys of the tokens. */
  readonly jwks: string;
  tokenFor(caller: string): Promise<string>;
}

/** Opens the external token server. A forged token is signed with another key under the same key id. */
async function openTokenSigner(directory: string): Promise<TokenSigner> {
  const [own, forger] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
  const jwks = join(directory, 'jwks.json');
  await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(own.publicKey)), kid: 'own', alg: 'ES256' }] }));
  return {
    jwks,
    async tokenFor(caller) {
      const repositories = (scopes[caller] ?? []).map((name) => ({ type: 'repository', name, actions: ['pull'] }));
      const access = caller === 'catalog' ? [{ type: 'registry', name: 'catalog', actions: ['*'] }] : repositories;
      return new SignJWT({ access })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'own' })
        .setIssuer('auth.test')
        .setAudience('cache.test')
        .setSubject(caller)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign((caller === 'forged' ? forger : own).privateKey);
    },
  };
}

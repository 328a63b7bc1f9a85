// Checks the access to a private repository whose content is cached, with every shape of its name and every kind of
// request. The tests of a single process and of a cluster share this table.
import assert from 'node:assert/strict';
import type { FakeUpstream } from '@cistern/fake-upstream';
import { type Owner, openUpstream, seededBytes } from '../src/open-stage.ts';
import { type Answer, sendRequest } from '../src/send-request.ts';

export const robot = { username: 'robot', password: 'password-of-the-robot' };
/** A user who is allowed to pull `team/secret`. */
export const ada = { username: 'ada', password: 'password-of-ada', repositories: ['team/secret'] };
/** A user who is allowed to pull only another repository. */
export const bob = { username: 'bob', password: 'password-of-bob', repositories: ['team/other'] };

const secretLayer = seededBytes(300_000, 'secret');

/**
 * Opens two upstreams. The configuration makes `private.test` the default upstream, whose callers the cache verifies.
 * `public.test` is a public upstream.
 */
export async function openPrivateUpstreams(owner: Owner, kind: 'basic' | 'bearer') {
  const upstream = await openUpstream(owner, { auth: { kind, accounts: [robot, ada, bob] } });
  const secret = upstream.addImage('team/secret', { tag: 'latest', layers: [secretLayer] });
  const other = upstream.addImage('team/other', { tag: 'latest', layers: [seededBytes(1_000, 'other')] });
  upstream.addReferrer('team/secret', { subject: secret, artifactType: 'application/signature' });
  const shared = await openUpstream(owner);
  shared.addImage('team/secret', { tag: 'public', layers: [seededBytes(1_000, 'public')] });
  const upstreams = {
    'private.test': {
      url: upstream.url,
      username: robot.username,
      password: robot.password,
      access: 'verify',
      hosts: ['private.example'],
      default: true,
    },
    'public.test': { url: shared.url },
  };
  return { upstream, shared, secret, other, upstreams };
}

export type PrivateStage = Awaited<ReturnType<typeof openPrivateUpstreams>>;

/** The ways to name a repository in a request. Each function returns the URL path for a resource and the headers. */
export const shapes: Readonly<Record<string, (repository: string, what: string) => Shaped>> = {
  root: (repository, what) => ({ path: `/v2/${repository}/${what}` }),
  ns: (repository, what) => ({ path: `/v2/${repository}/${what}?ns=private.test` }),
  host: (repository, what) => ({ path: `/v2/${repository}/${what}`, host: 'private.example' }),
  'prefix before': (repository, what) => ({ path: `/private.test/v2/${repository}/${what}` }),
  'prefix after': (repository, what) => ({ path: `/v2/private.test/${repository}/${what}` }),
  'prefix and ns': (repository, what) => ({ path: `/v2/private.test/${repository}/${what}?ns=private.test` }),
};

interface Shaped {
  readonly path: string;
  readonly host?: string;
}

interface Question {
  readonly what: string;
  readonly method: 'GET' | 'HEAD';
  readonly range?: string;
}

/** Returns all requests that could reveal something about the secret. */
function questions({ secret }: PrivateStage): Question[] {
  const layer = secret.layers[0]!.digest;
  const paths = ['manifests/latest', `manifests/${secret.digest}`, `blobs/${secret.config.digest}`, `blobs/${layer}`];
  return [
    ...paths.flatMap((what) => [{ what, method: 'GET' } as const, { what, method: 'HEAD' } as const]),
    { what: `blobs/${layer}`, method: 'GET', range: 'bytes=5-9' },
    { what: 'tags/list', method: 'GET' },
    { what: `referrers/${secret.digest}`, method: 'GET' },
  ];
}

export type Credentials = 'password' | 'our token' | "upstream's token" | 'nothing';

export function basic({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Gets a token as clients do, from the token server that the response to `/v2/` names. */
export async function tokenOf(url: string, authorization: string | undefined): Promise<string> {
  const ping = await sendRequest(`${url}/v2/`);
  assert.equal(ping.status, 401);
  const [, realm = ''] =
    /^Bearer realm="([^"]+)",service="cistern"$/.exec(ping.headers['www-authenticate'] ?? '') ?? [];
  const answer = await sendRequest(`${realm}?service=cistern&scope=repository%3Ax%3Apull`, {
    headers: authorization === undefined ? {} : { authorization },
  });
  assert.equal(answer.status, 200, answer.body.toString());
  return `Bearer ${(JSON.parse(answer.body.toString()) as { token: string }).token}`;
}

async function upstreamToken(upstream: FakeUpstream, authorization: string): Promise<string> {
  const scopes = ['team/secret', 'team/other'].map((name) => `scope=repository%3A${encodeURIComponent(name)}%3Apull`);
  const answer = await sendRequest(`${upstream.url}/token?${scopes.join('&')}`, { headers: { authorization } });
  return `Bearer ${(JSON.parse(answer.body.toString()) as { token: string }).token}`;
}

export async function authorizationOf(
  { upstream }: PrivateStage,
  url: string,
  user: typeof ada | undefined,
  credentials: Credentials,
): Promise<string | undefined> {
  const password = user && basic(user);
  if (credentials === 'nothing' || password === undefined) return undefined;
  if (credentials === 'password') return password;
  return credentials === 'our token' ? tokenOf(url, password) : upstreamToken(upstream, password);
}

export async function requestAs(
  url: string,
  { path, host }: Shaped,
  { method, range }: Pick<Question, 'method' | 'range'>,
  authorization: string | undefined,
): Promise<Answer> {
  return sendRequest(url + path, {
    method,
    headers: {
      ...(host !== undefined && { host }),
      ...(range !== undefined && { range }),
      ...(authorization !== undefined && { authorization }),
    },
  });
}

/**
 * Asserts that a response is a rejection without any content. The rejection of a caller without credentials must have a
 * challenge.
 */
export function assertNothing(answer: Answer, what: string, credentials: Credentials): void {
  assert.ok([401, 403, 404].includes(answer.status), `${answer.status} ${what}`);
  assert.equal(answer.headers['docker-content-digest'], undefined, what);
  assert.equal(answer.headers['x-cache'], undefined, what);
  assert.ok(!answer.body.includes(secretLayer.subarray(5, 9)), what);
  if (answer.status === 401) assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="http/, what);
  if (credentials === 'nothing') assert.equal(answer.status, 401, what);
}

/**
 * Checks every combination of shape, request and kind of credentials, for an allowed user, another user and an
 * anonymous client. Sends the requests to `urls` in turn.
 */
export async function checkTable(
  stage: PrivateStage,
  urls: readonly string[],
  allCredentials: readonly Credentials[],
  shapeNames = Object.keys(shapes),
): Promise<number> {
  let cells = 0;
  const nextUrl = () => urls[cells++ % urls.length]!;
  for (const credentials of allCredentials) {
    const [allowed, refused] = await Promise.all(
      [ada, bob].map((user) => authorizationOf(stage, urls[0]!, user, credentials)),
    );
    for (const name of shapeNames)
      for (const question of questions(stage)) {
        const shape = shapes[name]!;
        const what = `${question.method} ${question.what} by ${name} with ${credentials}`;
        const yes = await requestAs(nextUrl(), shape('team/secret', question.what), question, allowed);
        if (credentials === 'nothing') assertNothing(yes, what, credentials);
        else assert.ok([200, 206].includes(yes.status), `${yes.status} ${what} ${yes.body.toString().slice(0, 200)}`);
        assertNothing(
          await requestAs(nextUrl(), shape('team/secret', question.what), question, refused),
          what,
          credentials,
        );
        // bob is allowed to pull `team/other`, so requests for its own tags are skipped. Requests for digests of the
        // secret must be rejected there too.
        if (question.what === 'manifests/latest' || question.what === 'tags/list' || credentials === 'nothing')
          continue;
        const elsewhere = await requestAs(nextUrl(), shape('team/other', question.what), question, refused);
        if (question.what.startsWith('referrers/')) continue;
        assertNothing(elsewhere, `${what}, through team/other`, credentials);
      }
  }
  return cells;
}

/** Asserts that a public upstream does not serve the secret either, in a repository of the same or another name. */
export async function checkSharedUpstream(stage: PrivateStage, urls: readonly string[]): Promise<void> {
  const paths = ['/v2/public.test/team/secret/', '/public.test/v2/team/secret/', '/v2/public.test/team/none/'];
  for (const url of urls)
    for (const path of paths)
      for (const { what, method, range } of questions(stage)) {
        if (what === 'manifests/latest' || what === 'tags/list' || what.startsWith('referrers/')) continue;
        const answer = await requestAs(
          url,
          { path: path + what },
          { method, ...(range !== undefined && { range }) },
          undefined,
        );
        assert.equal(answer.status, 404, `${path}${what}`);
      }
}

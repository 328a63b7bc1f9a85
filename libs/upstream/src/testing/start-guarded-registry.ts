// Starts a registry for tests of authorization, with a token server and an upstream that is opened on it. Its
// repositories require different proofs.
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import type { OpenUpstreamOptions } from '../open/open-upstream.ts';
import { openOn, sendJson, startServer } from './scripted-server.ts';

const latest = parseReference('latest');
/** The `Authorization` of the account me:s3cret. */
export const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;
const refusedUs = (error: unknown): boolean => isCacheError(error, 'upstream-refused-us');

/** The challenge of a repository, and the `Authorization` that it accepts. */
export interface Guard {
  readonly challenge: string;
  readonly accepts: (authorization: string) => boolean;
  /** The status of the answer to an accepted request. Default: 200. */
  readonly status?: () => number;
  /** Delays the answer to an accepted request. */
  readonly wait?: Promise<void>;
}

interface Script {
  /** The repositories that need authorization. Others accept every request. */
  readonly guards: (tokenServer: string) => Readonly<Record<string, Guard>>;
  /** The status of the token server's answer. Default: 200 with a token. */
  readonly tokenStatus?: (scope: string, authorization: string | undefined) => number;
}

/** Starts the servers, which are closed after the test. */
export async function startGuardedRegistry(t: TestContext, script: Script, options: Partial<OpenUpstreamOptions> = {}) {
  const tokenServer = await startServer(t, ({ url = '', headers }, response) => {
    const scope = new URL(url, 'http://token').searchParams.get('scope') ?? '';
    const status = script.tokenStatus?.(scope, headers.authorization) ?? 200;
    sendJson(response, status, { token: `token-for-${scope.split(':')[1]}` });
  });
  const guards = script.guards(tokenServer.url);
  const answer = async ({ url = '', headers }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const guard = guards[/^\/v2\/(.+)\/manifests\//.exec(url)?.[1] ?? ''];
    if (guard === undefined || guard.accepts(headers.authorization ?? '')) {
      await guard?.wait;
      response.writeHead(guard?.status?.() ?? 200, { 'content-length': 2 }).end('{}');
    } else response.writeHead(401, { 'www-authenticate': guard.challenge }).end();
  };
  const server = await startServer(t, (request, response) => void answer(request, response));
  const opened = openOn(t, server.url, options);
  const pull = (repository: string) => opened.upstream.getManifest(parseRepositoryName(repository), latest);
  return {
    ...opened,
    server,
    tokenServer,
    pull,
    refuses: (repository: string) => assert.rejects(pull(repository), refusedUs, repository),
    /** Returns how often the registry itself has received the password. */
    shown: () => server.requests.filter(({ headers }) => headers.authorization === basic).length,
    /** Returns the `Authorization` of each request of a pull. */
    async proofsOf(repository: string) {
      const before = server.requests.length;
      await pull(repository);
      return server.requests.slice(before).map(({ headers }) => headers.authorization);
    },
  };
}

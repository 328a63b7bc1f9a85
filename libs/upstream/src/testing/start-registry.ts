// Starts a registry for tests of tokens, with a token server and an upstream that is opened on it.
import type { ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import type { OpenUpstreamOptions } from '../open/open-upstream.ts';
import { openOn, type ScriptedServer, sendJson, startServer, type TestUpstream } from './scripted-server.ts';

interface Registry extends TestUpstream {
  readonly server: ScriptedServer;
  readonly tokenServer: ScriptedServer;
}

interface RegistryScript {
  /** Answers the nth token request, from 1. */
  readonly token?: (count: number, response: ServerResponse) => void;
  readonly accepts?: (authorization: string) => boolean;
  readonly challenge?: string;
  readonly refusal?: number;
}

/** Starts a registry that requires tokens, and its token server on another port of the same host. */
export async function startRegistry(
  t: TestContext,
  script: RegistryScript,
  options: Partial<OpenUpstreamOptions> = {},
): Promise<Registry> {
  let count = 0;
  const tokenServer = await startServer(t, (_request, response) => {
    count += 1;
    const give = script.token ?? ((n, to) => sendJson(to, 200, { token: `token-${n}` }));
    give(count, response);
  });
  const challenge =
    script.challenge ?? `Bearer realm="${tokenServer.url}/token",service="reg",scope="repository:x:pull"`;
  const accepts = script.accepts ?? ((authorization) => authorization.startsWith('Bearer '));
  const server = await startServer(t, ({ headers }, response) => {
    if (accepts(headers.authorization ?? '')) response.writeHead(200, { 'content-length': 2 }).end('{}');
    else
      response
        .writeHead(headers.authorization ? (script.refusal ?? 401) : 401, { 'www-authenticate': challenge })
        .end();
  });
  return { server, tokenServer, ...openOn(t, server.url, options) };
}

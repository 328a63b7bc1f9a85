// A client of the admin API. It connects to the admin node of a cluster, or to the socket of a single node on this
// machine.
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { createInterface } from 'node:readline';
import { adminAuthorization, adminSocketPath } from '@cistern/operations/admin-access';
import type { Config } from '@cistern/config';
import { type DataOptions, readConfig } from '../node/read-config.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';

export interface AdminOptions extends DataOptions {
  readonly url?: string;
}

export interface AdminClient {
  /** The name of the single node or the admin node in messages. */
  readonly name: string;
  /**
   * Yields each line of a response as it arrives. Sends `body` by POST; without `body`, sends GET. Throws
   * `CommandError` if the node is unreachable or rejects the request.
   */
  lines<Line>(path: string, body?: object): AsyncGenerator<Line>;
  /** Resolves to the only line of a response. Rejects with the errors that `lines` throws. */
  fetch<Answer>(path: string, body?: object): Promise<Answer>;
}

/** Throws `CommandError` if there is no valid URL, and `ConfigError` with all problems of the configuration. */
export function createAdminClient(options: AdminOptions, { env }: Terminal): AdminClient {
  const target = targetOf(readConfig(options.config, env, options), options.url);
  const lines = <Line>(path: string, body?: object) => readLines<Line>(target, path, body);
  return {
    name: target.name,
    lines,
    async fetch<Answer>(path: string, body?: object) {
      for await (const line of lines<Answer>(path, body)) return line;
      throw new CommandError('The response was empty.');
    },
  };
}

interface AdminTarget {
  readonly name: string;
  readonly options: Pick<RequestOptions, 'socketPath' | 'hostname' | 'port'>;
  readonly authorization?: string | undefined;
}

/**
 * `url` is the URL of an admin node, which can run on another machine. Unset means the socket in the data directory of
 * the configuration. If the configuration has no such directory, for example in a cluster, unset means `admin.addr`.
 */
function targetOf(config: Config, url: string | undefined): AdminTarget {
  const socketPath = url === undefined ? adminSocketPath(config) : undefined;
  if (socketPath !== undefined) return { name: `The cache at ${socketPath}`, options: { socketPath } };
  const target = URL.parse(url ?? urlOf(config.admin));
  if (target?.protocol !== 'http:')
    throw new CommandError(`${JSON.stringify(url)} is not a valid URL. Write one that begins with http://.`);
  return {
    name: `The admin node at ${target.origin}`,
    options: { hostname: target.hostname.replace(/^\[|\]$/g, ''), port: target.port || 80 },
    authorization: adminAuthorization(config),
  };
}

function urlOf({ address }: Config['admin']): string {
  if (address === undefined)
    throw new CommandError('admin.addr is "", so there is no admin node. Set admin.addr, or pass --url.');
  const { host, port } = address;
  return `http://${host === undefined || host === '0.0.0.0' ? 'localhost' : host}:${port}`;
}

async function* readLines<Line>(target: AdminTarget, path: string, body?: object): AsyncGenerator<Line> {
  const answer = await send(target, path, body);
  if (answer.statusCode !== 200) throw new CommandError(await refusalOf(target, answer));
  // A broken connection ends the iteration without an error. The caller detects this, because the last line is missing.
  answer.on('error', () => {});
  for await (const line of createInterface({ input: answer })) yield JSON.parse(line) as Line;
}

function send(
  { name, options, authorization }: AdminTarget,
  path: string,
  body: object | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(authorization !== undefined && { authorization }),
    };
    request({ ...options, method: body === undefined ? 'GET' : 'POST', path, headers, agent: false }, resolve)
      .on('error', (error: NodeJS.ErrnoException) =>
        reject(new CommandError(`${name} is unreachable (${error.code ?? error.message}). Check that it runs.`)),
      )
      .end(body && JSON.stringify(body));
  });
}

async function refusalOf({ name }: AdminTarget, answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  try {
    return `${name} rejected the request: ${(JSON.parse(text) as { message: string }).message}`;
  } catch {
    return `${name} returned ${answer.statusCode}. It is not an admin node of Cistern, or it runs another release.`;
  }
}

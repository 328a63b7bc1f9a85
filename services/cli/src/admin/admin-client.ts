// A client of the admin API. It connects to an admin server anywhere, or to the socket of a single node on this machine.
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { createInterface } from 'node:readline';
import { explainConnection } from '../http/explain-connection.ts';
import { trustedAuthorities } from '../http/trusted-authorities.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type AdminOptions, type AdminTarget, chooseTarget } from './admin-target.ts';

export type { AdminOptions } from './admin-target.ts';

export interface AdminClient {
  /** The name of the single node or the admin server in messages. */
  readonly name: string;
  /**
   * Yields each line of a response as it arrives. Sends `body` by POST; without `body`, sends GET. Throws
   * `CommandError` if the server is unreachable or rejects the request.
   */
  lines<Line>(path: string, body?: object): AsyncGenerator<Line>;
  /** Resolves to the only line of a response. Rejects with the errors that `lines` throws. */
  fetch<Answer>(path: string, body?: object): Promise<Answer>;
}

/** Throws `CommandError` if there is no valid URL, and `ConfigError` with all problems of a configuration it needs. */
export function createAdminClient(options: AdminOptions, terminal: Pick<Terminal, 'env' | 'stderr'>): AdminClient {
  return clientOf(chooseTarget(options, terminal));
}

function clientOf(target: AdminTarget): AdminClient {
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

async function* readLines<Line>(target: AdminTarget, path: string, body?: object): AsyncGenerator<Line> {
  const answer = await send(target, path, body);
  if (answer.statusCode !== 200) throw new CommandError(await refusalOf(target, answer));
  // A broken connection ends the iteration without an error. The caller detects this, because the last line is missing.
  answer.on('error', () => {});
  for await (const line of createInterface({ input: answer })) yield parseLine(target, line) as Line;
}

function parseLine({ name }: AdminTarget, line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new CommandError(`${name} sent no JSON. It is not an admin server of Cistern. Check the URL.`);
  }
}

const trust = 'pass the CA certificate with --ca';
const limit = 'its time limit';

/** Resolves to a response, with its body unread. Rejects with `CommandError` if the server is unreachable. */
export function send(
  { name, address, authorization, ca }: AdminTarget,
  path: string,
  body?: object,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const common = {
    method: body === undefined ? 'GET' : 'POST',
    agent: false,
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(authorization !== undefined && { authorization }),
    },
  } as const;
  const url = 'origin' in address ? new URL(path, address.origin) : undefined;
  const isSecure = url?.protocol === 'https:';
  const sent =
    'socketPath' in address
      ? requestHttp({ ...common, path, socketPath: address.socketPath })
      : isSecure
        ? requestHttps(url ?? '', { ...common, ca: [...trustedAuthorities(ca)] })
        : requestHttp(url ?? '', common);
  const whyUnreachable = (error: NodeJS.ErrnoException) =>
    isSecure
      ? `${name} is unreachable: ${explainConnection(error, { trust, limit })}.`
      : `${name} is unreachable (${error.code ?? error.message}). Check that it runs.`;
  sent
    .on('response', resolve)
    .on('error', (error: NodeJS.ErrnoException) => reject(new CommandError(whyUnreachable(error))))
    .end(body && JSON.stringify(body));
  return promise;
}

/** Reads the body of an error response. Resolves to a sentence with the reason and, if there is one, the fix. */
export async function refusalOf({ name, remedy }: AdminTarget, answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const message = messageOf(Buffer.concat(chunks).toString());
  if (message === undefined)
    return `${name} returned ${answer.statusCode}. It is not an admin server of Cistern, or it runs another release.`;
  return `${name} rejected the request: ${message}${answer.statusCode === 401 ? ` ${remedy}` : ''}`;
}

function messageOf(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch {
    return undefined;
  }
}

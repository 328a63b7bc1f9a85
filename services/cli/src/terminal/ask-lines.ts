// Asks a node for something that takes a while and is told in lines of JSON.
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { createInterface } from 'node:readline';
import { CommandError } from './command-error.ts';

export interface AdminTarget {
  /** For messages. */
  readonly name: string;
  readonly options: Pick<RequestOptions, 'socketPath' | 'hostname' | 'port'>;
  readonly authorization?: string | undefined;
}

/** Each line as it comes; `body`: what is posted, if anything. Throws `CommandError` where nobody answers, or refuses. */
export async function* askLines<Line>(target: AdminTarget, path: string, body?: object): AsyncGenerator<Line> {
  const answer = await ask(target, path, body);
  if (answer.statusCode !== 200) throw new CommandError(await refusalOf(target, answer));
  // A stream that breaks ends the iteration; whoever reads it misses the last line then.
  answer.on('error', () => {});
  for await (const line of createInterface({ input: answer })) yield JSON.parse(line) as Line;
}

function ask(
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
        reject(new CommandError(`${name} cannot be reached (${error.code ?? error.message}): does it run?`)),
      )
      .end(body && JSON.stringify(body));
  });
}

async function refusalOf({ name }: AdminTarget, answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  try {
    return `${name} refuses: ${(JSON.parse(text) as { message: string }).message}`;
  } catch {
    return `${name} answered ${answer.statusCode}: it is no admin node of Cistern, or another release of it.`;
  }
}

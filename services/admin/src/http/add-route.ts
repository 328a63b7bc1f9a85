// Adds a route whose zod schemas are the one source of its types, of the validation of requests, and of its description.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { answer, messageOf } from './answer.ts';
import { describeRoute, type RouteDescription } from './describe-route.ts';

interface Asked<Query, Body> {
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
  readonly request: FastifyRequest;
}

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;
type Given<Schema> = DeepReadonly<z.input<Schema>>;

interface Route<Answer, Query, Body> extends RouteDescription<Answer, Query, Body> {
  readonly path: Path;
  /** Resolves with the answer, or rejects as `answer` expects it. */
  readonly act: (asked: Asked<Query, Body>) => Promise<Given<Answer> & object>;
}

interface LinesRoute<Line, Query, Body> extends RouteDescription<Line, Query, Body> {
  readonly path: Path;
  /** Returns the lines, or throws as `answer` expects it. `signal` aborts when the client disconnects. */
  readonly act: (asked: Asked<Query, Body>, signal: AbortSignal) => AsyncIterable<Given<Line>>;
}

type Path = `${'GET' | 'POST'} /${string}`;
type None = z.ZodNever;

export function addRoute<Answer extends z.ZodType, Query extends z.ZodType = None, Body extends z.ZodType = None>(
  app: FastifyInstance,
  { path, act, ...description }: Route<Answer, Query, Body>,
): void {
  app.route({
    ...parsePath(path),
    schema: describeRoute(description),
    handler: (request, reply) => answer(reply, async () => act(read(request))),
  });
}

/** For answers that take a while: each line is sent as JSON when it comes. An error ends them with a line `{ error }`. */
export function addLinesRoute<Line extends z.ZodType, Query extends z.ZodType = None, Body extends z.ZodType = None>(
  app: FastifyInstance,
  { path, act, ...description }: LinesRoute<Line, Query, Body>,
): void {
  const contentType = 'application/x-ndjson';
  app.route({
    ...parsePath(path),
    schema: describeRoute({ ...description, contentType }),
    handler: (request, reply) =>
      answer(reply, async () => {
        const ending = new AbortController();
        reply.raw.on('close', () => ending.abort(new Error('the client closed the connection')));
        const lines = act(read(request), ending.signal);
        void reply.header('content-type', contentType);
        return Readable.from(encodeLines(lines));
      }),
  });
}

function parsePath(path: Path): { readonly method: string; readonly url: string } {
  const [method = '', url = ''] = path.split(' ');
  return { method, url };
}

/** Fastify has validated the request by the same schemas. */
function read<Query, Body>(request: FastifyRequest): Asked<Query, Body> {
  return { query: request.query as z.output<Query>, body: request.body as z.output<Body>, request };
}

async function* encodeLines(lines: AsyncIterable<unknown>): AsyncGenerator<string> {
  try {
    for await (const line of lines) yield `${JSON.stringify(line)}\n`;
  } catch (error) {
    yield `${JSON.stringify({ error: { message: messageOf(error) } })}\n`;
  }
}

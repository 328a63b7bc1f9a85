// Adds a route whose zod schemas are the one source of its types, of the validation of requests, and of its description.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Described } from '@cistern/operations/api';
import type { z } from 'zod';
import { answer, explain, type FaultLog } from './answer.ts';
import { describeRoute, type RouteDescription } from './describe-route.ts';

interface Input<Query, Body> {
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
  readonly request: FastifyRequest;
}

interface Route<Answer extends z.ZodType, Query, Body> extends RouteDescription<Answer, Query, Body> {
  readonly path: Path;
  /** Resolves with the answer, or rejects as `answer` expects it. */
  readonly act: (input: Input<Query, Body>) => Promise<Described<Answer> & object>;
}

interface LinesRoute<Line extends z.ZodType, Query, Body> extends RouteDescription<Line, Query, Body> {
  readonly path: Path;
  /** Returns the lines, or throws as `answer` expects it. `signal` aborts when the client disconnects. */
  readonly act: (input: Input<Query, Body>, signal: AbortSignal) => AsyncIterable<Described<Line>>;
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
        return Readable.from(encodeLines(lines, reply.log));
      }),
  });
}

function parsePath(path: Path): { readonly method: string; readonly url: string } {
  const [method = '', url = ''] = path.split(' ');
  return { method, url };
}

/** Fastify has validated the request by the same schemas. */
function read<Query, Body>(request: FastifyRequest): Input<Query, Body> {
  return { query: request.query as z.output<Query>, body: request.body as z.output<Body>, request };
}

async function* encodeLines(lines: AsyncIterable<unknown>, log: FaultLog): AsyncGenerator<string> {
  try {
    for await (const line of lines) yield `${JSON.stringify(line)}\n`;
  } catch (error) {
    yield `${JSON.stringify({ error: { message: explain(error, log) } })}\n`;
  }
}

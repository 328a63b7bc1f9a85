// Adds a route whose zod schemas are the one source of its types, of the validation of requests, and of its description.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { answer, messageOf } from './answer.ts';
import { describeRoute, type RouteDescription } from './describe-route.ts';

interface Route<Answer, Query, Body> extends RouteDescription<Answer, Query, Body> {
  readonly method: 'GET' | 'POST';
  readonly url: string;
}

interface Asked<Query, Body> {
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
  readonly request: FastifyRequest;
}

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;
type Given<Schema> = DeepReadonly<z.input<Schema>>;

/** `act` resolves with the answer, or rejects as `answer` expects it. */
export function addRoute<
  Answer extends z.ZodType,
  Query extends z.ZodType = z.ZodNever,
  Body extends z.ZodType = z.ZodNever,
>(
  app: FastifyInstance,
  route: Route<Answer, Query, Body>,
  act: (asked: Asked<Query, Body>) => Promise<Given<Answer> & object>,
): void {
  const { method, url } = route;
  app.route({
    method,
    url,
    schema: describeRoute(route),
    handler: (request, reply) => answer(reply, async () => act(read(request))),
  });
}

/**
 * For answers that take a while: `act` returns the lines, each sent as JSON when it comes, or throws as `answer` expects it. An
 * error between the lines ends them with `{ error }`. `signal` aborts when the client disconnects.
 */
export function addLinesRoute<
  Line extends z.ZodType,
  Query extends z.ZodType = z.ZodNever,
  Body extends z.ZodType = z.ZodNever,
>(
  app: FastifyInstance,
  route: Route<Line, Query, Body>,
  act: (asked: Asked<Query, Body>, signal: AbortSignal) => AsyncIterable<Given<Line>>,
): void {
  const { method, url } = route;
  const contentType = 'application/x-ndjson';
  app.route({
    method,
    url,
    schema: describeRoute({ ...route, contentType }),
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

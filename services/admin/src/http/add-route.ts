// Adds routes. The zod schemas of a route define its types, validate its requests, and describe it.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest, FastifySchema } from 'fastify';
import type { Described } from '@cistern/operations/api';
import { z } from 'zod';
import { answer, explain, type FaultLog } from './answer.ts';

interface Input<Query, Body> {
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
  readonly request: FastifyRequest;
}

interface Route<Answer extends z.ZodType, Query, Body> extends RouteDescription<Answer, Query, Body> {
  readonly path: Path;
  /** Resolves to the body of the response. Rejects with the errors that `answer` handles. */
  readonly act: (input: Input<Query, Body>) => Promise<Described<Answer> & object>;
}

interface LinesRoute<Line extends z.ZodType, Query, Body> extends RouteDescription<Line, Query, Body> {
  readonly path: Path;
  /** Returns the lines. Throws the errors that `answer` handles. `signal` aborts when the client disconnects. */
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

/**
 * Adds a route whose response takes a while. Each line is sent as JSON when it is ready. After an error, the last line is
 * `{ error }`.
 */
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

/** Returns the input of a route. Fastify has already validated it with the schemas of the route. */
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

/**
 * The description of a route. `Query`, `Body` and `Answer` are zod schemas. A route without the field `query` has no query
 * parameters, and a route without the field `body` has no body.
 */
export interface RouteDescription<Answer = z.ZodType, Query = z.ZodType, Body = z.ZodType> {
  readonly tag: string;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly query?: Query;
  readonly body?: Body;
  /** The schema of the body of a response with status 200. */
  readonly answer: Answer;
  /** Default: `application/json`. */
  readonly contentType?: 'application/x-ndjson' | 'text/event-stream';
  /** Further error statuses of the route, with their reasons. All routes have 400, 401, 403 and 503. */
  readonly refusals?: Readonly<Record<number, string>>;
}

const usual = {
  400: 'The request is invalid. The message has the reason.',
  401: 'The caller has not authenticated.',
  403: 'The caller is not authorized.',
  503: 'The request is not possible now. The message has the reason.',
};

const refusal = z.object({ message: z.string().describe('The reason, as a sentence for an operator.') });

/** Returns the `schema` of a Fastify route. */
export function describeRoute(route: RouteDescription): FastifySchema {
  const { tag, summary, description, query, body, contentType, refusals } = route;
  const answered = { description: contentType === undefined ? 'The response.' : 'The response, as a stream.' };
  const schema = describeAnswer(route.answer);
  return {
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(query !== undefined && { querystring: toJsonSchema(query) }),
    ...(body !== undefined && { body: toJsonSchema(body) }),
    response: {
      200:
        contentType === undefined
          ? { ...answered, ...schema }
          : { ...answered, content: { [contentType]: { schema } } },
      ...Object.fromEntries(
        Object.entries({ ...usual, ...refusals }).map(([status, why]) => [
          status,
          { ...toJsonSchema(refusal), description: why },
        ]),
      ),
    },
  };
}

function toJsonSchema(schema: z.ZodType, override?: z.core.ToJSONSchemaParams['override']) {
  // With `io: 'input'`, properties with a default are not required, and unknown properties are allowed.
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', ...(override && { override }) });
}

/**
 * Returns the JSON schema of a response. It omits zod's limits of integers to the range that a double represents exactly, because
 * they are noise in responses.
 */
function describeAnswer(schema: z.ZodType) {
  return toJsonSchema(schema, ({ jsonSchema }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  });
}

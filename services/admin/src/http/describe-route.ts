// A route as Fastify and the API's description take it: its zod schemas as the JSON schemas of OpenAPI 3.
import type { FastifySchema } from 'fastify';
import { z } from 'zod';

/** `Query`, `Body` and `Answer` are zod schemas. A request without one of them has none. */
export interface RouteDescription<Answer = z.ZodType, Query = z.ZodType, Body = z.ZodType> {
  readonly tag: string;
  /** A line. */
  readonly summary: string;
  readonly description?: string;
  readonly query?: Query;
  readonly body?: Body;
  /** The answer with status 200. */
  readonly answer: Answer;
  /** Default: `application/json`. */
  readonly contentType?: 'application/x-ndjson' | 'text/event-stream';
  /** Besides 400, 401, 403 and 503, which all may answer: why. */
  readonly refusals?: Readonly<Record<number, string>>;
}

const usual = {
  400: 'The request makes no sense; the message says why.',
  401: 'The caller has not authenticated.',
  403: 'The caller may not do this here.',
  503: 'It cannot be done now; the message says why.',
};

const refusal = z.object({ message: z.string().describe('The reason in words for a person.') });

/** As a route's `schema`. */
export function describeRoute(route: RouteDescription): FastifySchema {
  const { tag, summary, description, query, body, answer, contentType, refusals } = route;
  const answered = { description: contentType === undefined ? 'The answer.' : 'The answer, bit by bit.' };
  const schema = describeAnswer(answer);
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
  // As input: properties with a default are not required, and unknown ones are no error.
  return z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', ...(override && { override }) });
}

/** Zod limits each integer to those that a double holds. In answers these limits say nothing. */
function describeAnswer(schema: z.ZodType) {
  return toJsonSchema(schema, ({ jsonSchema }) => {
    if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  });
}

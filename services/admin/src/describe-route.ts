// What the description of the API says of a route.
import type { FastifySchema } from 'fastify';
import { type JsonSchema, object, text } from './json-schema.ts';

export interface RouteDescription {
  /** A line. */
  readonly summary: string;
  readonly description?: string;
  readonly querystring?: JsonSchema;
  readonly body?: JsonSchema;
  /** Of 200. */
  readonly answer: JsonSchema;
  /** Default: `application/json`. */
  readonly contentType?: 'application/x-ndjson' | 'text/event-stream';
  /** Besides 400, 401, 403 and 503, which all may answer: why. */
  readonly refusals?: Readonly<Record<number, string>>;
}

const usual = {
  400: 'What was asked for makes no sense; the message says why.',
  401: 'Whoever asks has not shown that they may.',
  403: 'Nobody may ask for this here.',
  503: 'It cannot be done now; the message says why.',
};

/** As a route's `schema`. */
export function describeRoute(tag: string, route: RouteDescription): FastifySchema {
  const { summary, description, querystring, body, answer, contentType, refusals } = route;
  const answered = { description: contentType === undefined ? 'The answer.' : 'The answer, bit by bit.' };
  return {
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(querystring !== undefined && { querystring }),
    ...(body !== undefined && { body }),
    response: {
      200:
        contentType === undefined
          ? { ...answered, ...answer }
          : { ...answered, content: { [contentType]: { schema: answer } } },
      ...Object.fromEntries(
        Object.entries({ ...usual, ...refusals }).map(([status, why]) => [
          status,
          { ...object({ message: text('In words for a person.') }), description: why },
        ]),
      ),
    },
  };
}

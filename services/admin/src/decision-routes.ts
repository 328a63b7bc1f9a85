// What operators decide: `GET /v1/pins` and `POST /v1/pins` with `{ image, pinned }`; `GET /v1/upstreams` and `POST /v1/offline` with
// `{ upstream?, offline }`, where null means as configured; `GET /v1/stale`, a line of JSON for each tag.
import { Readable } from 'node:stream';
import type { Decisions, Nodes } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { answer, messageOf } from './answer.ts';
import { describeUpstreams } from './describe-nodes.ts';
import { describeRoute } from './describe-route.ts';
import { count, flag, list, object, optional, orNull, text, time } from './json-schema.ts';

const imageName = { ...text('For example nginx:1.27 or quay.io/org/app@sha256:….', { maxLength: 512 }), minLength: 1 };
const upstreamStates = object({
  upstreams: list(
    object({
      name: text(),
      isOffline: flag(),
      by: text('By whom it is so.', { enum: ['configuration', 'decision'] }),
      health: orNull(
        text(
          'The worst that a worker sees; null: no worker tells. failing: it is left alone until it gives a sign of life.',
          {
            enum: ['well', 'probed', 'failing'],
          },
        ),
      ),
      calls: orNull(count('Requests to it since the workers started that run now.')),
      errors: orNull(
        count('Of these, without an answer, or with one that says more about it, or about us, than about an image.'),
      ),
    }),
  ),
});

const pinsSchema = describeRoute('decisions', {
  summary: 'Images that are never evicted',
  answer: object({ pins: list(text(), 'In full, sorted.') }),
});
const pinSchema = describeRoute('decisions', {
  summary: 'Pins an image, or lets it go again',
  description: 'What is not here yet is not fetched by this.',
  body: object({ image: imageName, pinned: flag() }),
  answer: object({
    image: text('The name in full.'),
    wasPinned: optional(flag('Of what is not pinned any more: false if there was nothing to undo.')),
  }),
});
const upstreamsSchema = describeRoute('decisions', {
  summary: 'The upstreams, and which of them are asked',
  answer: upstreamStates,
});
const offlineSchema = describeRoute('decisions', {
  summary: 'Has an upstream, or all, asked for nothing, or asked again',
  body: object({
    upstream: optional({ ...text('Default: all.', { maxLength: 255 }), minLength: 1 }),
    offline: orNull(flag('Null: as configured.')),
  }),
  answer: upstreamStates,
});
const staleSchema = describeRoute('decisions', {
  summary: 'Tags that were served although upstream had not confirmed them in time',
  description: 'Lines of JSON: `tag` again and again, at the end `result`, or `error`.',
  contentType: 'application/x-ndjson',
  answer: object({
    tag: optional(
      object({
        image: text(),
        checkedAtMs: time('When upstream last confirmed it'),
        lastPulledAtMs: time('When it was last pulled'),
      }),
    ),
    result: optional(object({})),
    error: optional(object({ message: text() })),
  }),
});

export function addDecisionRoutes(app: FastifyInstance, decisions: Decisions, nodes: Nodes): void {
  app.get('/v1/pins', { schema: pinsSchema }, (_request, reply) =>
    answer(reply, async () => ({ pins: await decisions.pins() })),
  );
  app.post<{ Body: { readonly image: string; readonly pinned: boolean } }>(
    '/v1/pins',
    { schema: pinSchema },
    ({ body: { image, pinned } }, reply) =>
      answer(reply, async () => (pinned ? { image: await decisions.pin(image) } : decisions.unpin(image))),
  );
  app.get('/v1/upstreams', { schema: upstreamsSchema }, (_request, reply) =>
    answer(reply, () => describeUpstreams(decisions, nodes)),
  );
  app.post<{ Body: { readonly upstream?: string; readonly offline: boolean | null } }>(
    '/v1/offline',
    { schema: offlineSchema },
    ({ body: { upstream, offline } }, reply) =>
      answer(reply, async () => {
        await decisions.decideOffline({ upstream, offline: offline ?? undefined });
        return describeUpstreams(decisions, nodes);
      }),
  );
  app.get('/v1/stale', { schema: staleSchema }, (_request, reply) =>
    reply
      .header('content-type', 'application/x-ndjson')
      .header('cache-control', 'no-store')
      .send(Readable.from(staleLines(decisions))),
  );
}

async function* staleLines(decisions: Decisions): AsyncGenerator<string> {
  try {
    for await (const tag of decisions.staleTags()) yield `${JSON.stringify({ tag })}\n`;
    yield '{"result":{}}\n';
  } catch (error) {
    yield `${JSON.stringify({ error: { message: messageOf(error) } })}\n`;
  }
}

// What operators decide: `GET /v1/pins` and `POST /v1/pins` with `{ image, pinned }`; `GET /v1/upstreams` and `POST /v1/offline` with
// `{ upstream?, offline }`, where null means as configured; `GET /v1/stale`, a line of JSON for each tag.
import { Readable } from 'node:stream';
import type { Decisions } from '@cistern/assembly';
import type { FastifyInstance } from 'fastify';
import { answer, messageOf } from './answer.ts';

const pinSchema = {
  type: 'object',
  required: ['image', 'pinned'],
  properties: { image: { type: 'string', minLength: 1, maxLength: 512 }, pinned: { type: 'boolean' } },
};

const offlineSchema = {
  type: 'object',
  required: ['offline'],
  properties: {
    upstream: { type: 'string', minLength: 1, maxLength: 255 },
    offline: { type: 'boolean', nullable: true },
  },
};

export function addDecisionRoutes(app: FastifyInstance, decisions: Decisions): void {
  app.get('/v1/pins', (_request, reply) => answer(reply, async () => ({ pins: await decisions.pins() })));
  app.post<{ Body: { readonly image: string; readonly pinned: boolean } }>(
    '/v1/pins',
    { schema: { body: pinSchema } },
    ({ body: { image, pinned } }, reply) =>
      answer(reply, async () => (pinned ? { image: await decisions.pin(image) } : decisions.unpin(image))),
  );
  app.get('/v1/upstreams', (_request, reply) =>
    answer(reply, async () => ({ upstreams: await decisions.upstreams() })),
  );
  app.post<{ Body: { readonly upstream?: string; readonly offline: boolean | null } }>(
    '/v1/offline',
    { schema: { body: offlineSchema } },
    ({ body: { upstream, offline } }, reply) =>
      answer(reply, async () => {
        await decisions.decideOffline({ upstream, offline: offline ?? undefined });
        return { upstreams: await decisions.upstreams() };
      }),
  );
  app.get('/v1/stale', (_request, reply) =>
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

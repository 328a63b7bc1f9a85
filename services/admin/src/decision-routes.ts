// What operators decide: `GET /v1/pins` and `POST /v1/pins` with `{ image, pinned }`; `GET /v1/upstreams` and `POST /v1/offline` with
// `{ upstream?, offline }`, where null means as configured; `GET /v1/stale`, a line of JSON for each tag.
import { Readable } from 'node:stream';
import type { Decisions } from '@cistern/assembly';
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { FastifyInstance, FastifyReply } from 'fastify';

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

/** An error that a person can act on is told; what is our own mistake is not. */
async function answer(reply: FastifyReply, act: () => Promise<object>): Promise<FastifyReply> {
  try {
    return await reply.header('cache-control', 'no-store').send(await act());
  } catch (error) {
    const isUnknown = error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid');
    return reply.code(isUnknown ? 400 : 503).send({ message: messageOf(error) });
  }
}

async function* staleLines(decisions: Decisions): AsyncGenerator<string> {
  try {
    for await (const tag of decisions.staleTags()) yield `${JSON.stringify({ tag })}\n`;
    yield '{"result":{}}\n';
  } catch (error) {
    yield `${JSON.stringify({ error: { message: messageOf(error) } })}\n`;
  }
}

function messageOf(error: unknown): string {
  if (isCacheError(error)) return error.message;
  return error instanceof OciSyntaxError ? `${error.message}.` : 'It could not be done; the log says why.';
}

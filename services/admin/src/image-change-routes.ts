// What becomes of what is cached, on all nodes at once: `POST /v1/purge` with one of `{ image, digest, upstream }`, and
// `POST /v1/refresh` with `{ image }`.
import type { ImageChanges, PurgeRequest } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { answer } from './answer.ts';
import { describeRoute } from './describe-route.ts';
import { count, object, optional, orNull, text } from './json-schema.ts';

const image = { ...text('For example nginx:1.27 or quay.io/org/app@sha256:….', { maxLength: 512 }), minLength: 1 };

const purgeSchema = describeRoute('images', {
  summary: 'Removes an image, a digest or all of an upstream, on all nodes; the next pull fetches it anew',
  description:
    'Name one of the three. Of an image the tag goes, and what no other image refers to; who is reading it gets it whole.',
  body: object({
    image: optional(image),
    digest: optional(
      text('A manifest or a blob, wherever it is held; with the tags that name it.', { maxLength: 256 }),
    ),
    upstream: optional({ ...text('All that is from it.', { maxLength: 255 }), minLength: 1 }),
  }),
  answer: object({
    purged: object({
      tags: count(),
      manifests: count('Whose bytes are gone; what others refer to stays.'),
      blobs: count('Likewise.'),
    }),
  }),
  refusals: {
    409: 'It is pinned: nothing was purged.',
    503: 'It cannot be done now, as while the index is being rebuilt; the message says why. Try again later.',
  },
});
const refreshSchema = describeRoute('images', {
  summary: 'Asks upstream now what a tag names, and has all nodes know it',
  body: object({ image }),
  answer: object({
    image: text('The name in full.'),
    before: orNull(text('The digest that the tag named here until now.')),
    after: orNull(text('The digest that it names.')),
  }),
  refusals: { 404: 'Upstream does not have it.' },
});

export function addImageChangeRoutes(app: FastifyInstance, changes: ImageChanges): void {
  app.post<{ Body: PurgeRequest }>('/v1/purge', { schema: purgeSchema }, ({ body }, reply) =>
    answer(reply, async () => {
      const result = await changes.purge(body);
      if ('purged' in result) return result;
      void reply.code(409);
      return { message: result.refused };
    }),
  );
  app.post<{ Body: { readonly image: string } }>('/v1/refresh', { schema: refreshSchema }, ({ body }, reply) =>
    answer(reply, () => changes.refresh(body.image)),
  );
}

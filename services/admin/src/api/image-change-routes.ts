// Changes of cached images, on all nodes at once: `POST /v1/purge` with one of `{ image, digest, upstream }`, and
// `POST /v1/refresh` with `{ image }`.
import type { ImageChanges } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/add-route.ts';
import { Refusal } from '../http/answer.ts';
import { purgeAnswer, purgeRequest, refreshAnswer, refreshRequest } from './image-changes.ts';

export function addImageChangeRoutes(app: FastifyInstance, changes: ImageChanges): void {
  const tag = 'images';
  addRoute(app, {
    path: 'POST /v1/purge',
    tag,
    summary: 'Removes an image, a digest or all of an upstream, on all nodes; the next pull fetches it again',
    description:
      'Name one of the three. Purging an image removes its tag and the content that no other image refers to. ' +
      'Running reads get the whole content.',
    body: purgeRequest,
    answer: purgeAnswer,
    refusals: {
      409: 'It is pinned: nothing was purged.',
      503: 'It cannot be done now, as while the index is being rebuilt; the message says why. Try again later.',
    },
    act: async ({ body }) => {
      const result = await changes.purge(body);
      if ('refused' in result) throw new Refusal(409, result.refused);
      return result;
    },
  });
  addRoute(app, {
    path: 'POST /v1/refresh',
    tag,
    summary: 'Asks upstream now what a tag names, and updates all nodes',
    body: refreshRequest,
    answer: refreshAnswer,
    refusals: { 404: 'Upstream does not have it.' },
    act: ({ body }) => changes.refresh(body.image),
  });
}

// The routes of the cached images. `GET /v1/images` lists them, with search and pages; `GET /v1/images/details?image=` describes
// one; `GET /v1/top` lists the most pulled. `POST /v1/purge` with one of `{ image, digest, upstream }`, and `POST /v1/refresh`,
// change images on all nodes. `POST /v1/purge/plan` lists what a purge would remove.
import type { Images } from '@cistern/operations';
import {
  imageDetails,
  imageName,
  imagePage,
  purgeAnswer,
  purgePlanLine,
  refreshAnswer,
  topImages,
} from '@cistern/operations/api';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { addLinesRoute, addRoute } from '../http/add-route.ts';
import { Refusal } from '../http/answer.ts';

const imageQuery = z.object({
  search: z.string().max(512).describe('Part of the full name, such as nginx or library/nginx:1.').optional(),
  upstream: z.string().max(255).describe('Only images of this upstream.').optional(),
  limit: z.int().min(1).max(1000).default(100),
  cursor: z.string().max(2048).describe('The cursor of the previous page.').optional(),
});

const purgeRequest = z.object({
  image: imageName.optional(),
  digest: z
    .string()
    .max(256)
    .describe('A manifest or a blob, in all repositories, with the tags that name it.')
    .optional(),
  upstream: z.string().min(1).max(255).describe('All content of this upstream.').optional(),
});

export function addImageRoutes(app: FastifyInstance, images: Images): void {
  const tag = 'images';
  addRoute(app, {
    path: 'GET /v1/images',
    tag,
    summary: 'Cached tags, sorted by upstream, repository and tag',
    query: imageQuery,
    answer: imagePage,
    act: ({ query }) => images.list(query),
  });
  addRoute(app, {
    path: 'GET /v1/images/details',
    tag,
    summary: 'The content of an image, how much of it is cached, and how fresh its tag is',
    query: z.object({ image: imageName }),
    answer: imageDetails,
    refusals: { 404: 'The image is not cached.' },
    act: ({ query }) => images.details(query.image),
  });
  addRoute(app, {
    path: 'GET /v1/top',
    tag,
    summary: 'The most pulled images',
    query: z.object({ limit: z.int().min(1).max(1000).default(20) }),
    answer: topImages,
    act: ({ query }) => images.top(query.limit),
  });
  addRoute(app, {
    path: 'POST /v1/purge',
    tag,
    summary: 'Removes an image, a digest or all content of an upstream, on all nodes; the next pull fetches it again',
    description:
      'Set one of the three fields. Purging an image removes its tag and the content that no other image refers to. ' +
      'Reads in flight still get the whole content.',
    body: purgeRequest,
    answer: purgeAnswer,
    refusals: {
      409: 'The content is pinned, so nothing was purged.',
      503: 'The purge is not possible now, for example because the index is being rebuilt. The message has the reason. Try again later.',
    },
    act: async ({ body }) => {
      const result = await images.purge(body);
      if ('refused' in result) throw new Refusal(409, result.refused);
      return result;
    },
  });
  addLinesRoute(app, {
    path: 'POST /v1/purge/plan',
    tag,
    summary: 'Tags and content that a purge would remove now; nothing is removed',
    description: 'Lines of JSON: a `tag` for each tag, then `result` or `error`. Takes the body of `/v1/purge`.',
    body: purgeRequest,
    answer: purgePlanLine,
    act: ({ body }, signal) => images.purgePlan(body, signal),
  });
  addRoute(app, {
    path: 'POST /v1/refresh',
    tag,
    summary: 'Requests the current digest of a tag from the upstream, and updates all nodes',
    body: z.object({ image: imageName }),
    answer: refreshAnswer,
    refusals: { 404: 'The upstream does not have this tag.' },
    act: ({ body }) => images.refresh(body.image),
  });
}

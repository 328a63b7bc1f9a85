// The cached images: `GET /v1/images`, searched and page by page; `GET /v1/images/details?image=`; `GET /v1/top`, the most pulled.
import type { Images } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/add-route.ts';
import { detailsQuery, imageDetails, imagePage, imageQuery, topImages, topQuery } from './images.ts';

export function addImageRoutes(app: FastifyInstance, images: Images): void {
  const tag = 'images';
  addRoute(app, {
    path: 'GET /v1/images',
    tag,
    summary: 'Tags that are cached, in the order of upstream, repository and tag',
    query: imageQuery,
    answer: imagePage,
    act: ({ query }) => images.list(query),
  });
  addRoute(app, {
    path: 'GET /v1/images/details',
    tag,
    summary: 'The content of an image, how much of it is cached, and how fresh its tag is',
    query: detailsQuery,
    answer: imageDetails,
    refusals: { 404: 'It is not in the cache.' },
    act: ({ query }) => images.details(query.image),
  });
  addRoute(app, {
    path: 'GET /v1/top',
    tag,
    summary: 'The most pulled images',
    query: topQuery,
    answer: topImages,
    act: async ({ query }) => ({ images: await images.top(query.limit) }),
  });
}

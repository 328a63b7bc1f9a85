// What is cached: `GET /v1/images`, searched and page by page; `GET /v1/images/details?image=`; `GET /v1/top`, what is pulled most.
import type { Images, ImageSearch } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { answer } from './answer.ts';
import { describeRoute } from './describe-route.ts';
import { detailsQuery, imageDetails, imagePage, imageQuery, topImages, topQuery } from './image-schemas.ts';

const listSchema = describeRoute('images', {
  summary: 'Tags that are cached, in the order of upstream, repository and tag',
  querystring: imageQuery,
  answer: imagePage,
});
const detailsSchema = describeRoute('images', {
  summary: 'What an image is made of, how much of it is here, and how fresh its tag is',
  querystring: detailsQuery,
  answer: imageDetails,
  refusals: { 404: 'It is not in the cache.' },
});
const topSchema = describeRoute('images', {
  summary: 'What is pulled most, of late',
  querystring: topQuery,
  answer: topImages,
});

export function addImageRoutes(app: FastifyInstance, images: Images): void {
  app.get<{ Querystring: ImageSearch }>('/v1/images', { schema: listSchema }, ({ query }, reply) =>
    answer(reply, () => images.list(query)),
  );
  app.get<{ Querystring: { readonly image: string } }>(
    '/v1/images/details',
    { schema: detailsSchema },
    ({ query: { image } }, reply) => answer(reply, () => images.details(image)),
  );
  app.get<{ Querystring: { readonly limit: number } }>('/v1/top', { schema: topSchema }, ({ query }, reply) =>
    answer(reply, async () => ({ images: await images.top(query.limit) })),
  );
}

// How the whole cache is: `GET /v1/overview`, `GET /v1/nodes`, `GET /v1/fills`, and `GET /v1/events`, which tells all three again and
// again.
import type { FastifyInstance } from 'fastify';
import { answer } from './answer.ts';
import type { EventFeed } from './create-event-feed.ts';
import { describeRoute } from './describe-route.ts';
import { text } from './json-schema.ts';
import { fillList, nodeList, overview } from './node-schemas.ts';

export interface NodeViews {
  overview(): Promise<object>;
  nodes(): Promise<object>;
  fills(): Promise<object>;
}

const overviewSchema = describeRoute('nodes', {
  summary: 'How the cache as a whole is, and what it has done',
  answer: overview,
});
const nodesSchema = describeRoute('nodes', { summary: 'The processes of the cache that run now', answer: nodeList });
const fillsSchema = describeRoute('nodes', {
  summary: 'What is being fetched from upstreams now, and how far it is',
  answer: fillList,
});
const eventsSchema = describeRoute('nodes', {
  summary: 'Overview, nodes and fills again each second',
  description:
    'Server-sent events named `overview`, `nodes` and `fills`, with what the routes of these names answer; `unavailable` with ' +
    '`{ event, message }` for what cannot be told now.',
  contentType: 'text/event-stream',
  answer: text(),
});

export function addNodeRoutes(app: FastifyInstance, views: NodeViews, feed: EventFeed): void {
  app.get('/v1/overview', { schema: overviewSchema }, (_request, reply) => answer(reply, views.overview));
  app.get('/v1/nodes', { schema: nodesSchema }, (_request, reply) => answer(reply, views.nodes));
  app.get('/v1/fills', { schema: fillsSchema }, (_request, reply) => answer(reply, views.fills));
  // HEAD would read a stream that has no end.
  app.get('/v1/events', { schema: eventsSchema, exposeHeadRoute: false }, (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    const stream = feed.listen();
    if (stream === undefined)
      return reply.code(503).send({ message: 'Too many listen already. Close another page, or ask again and again.' });
    // Proxies are not to gather it.
    return reply.header('content-type', 'text/event-stream').header('x-accel-buffering', 'no').send(stream);
  });
}

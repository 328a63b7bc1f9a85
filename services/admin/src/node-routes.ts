// How the whole cache is: `GET /v1/overview`, `GET /v1/nodes`, `GET /v1/fills`, and `GET /v1/events`, which tells these three again and
// again; `GET /v1/jobs`, what waits and what failed; `GET /v1/budget`, what upstreams still let us pull.
import type { Nodes } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { answer } from './answer.ts';
import type { EventFeed } from './create-event-feed.ts';
import { describeBudget, describeJobs } from './describe-nodes.ts';
import { describeRoute } from './describe-route.ts';
import { text } from './json-schema.ts';
import { budgetList, fillList, jobList, nodeList, overview } from './node-schemas.ts';

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
const jobsSchema = describeRoute('nodes', {
  summary: 'How full the queues are, and what failed last',
  answer: jobList,
});
const budgetSchema = describeRoute('nodes', {
  summary: 'What upstreams still let the cache pull, account by account',
  answer: budgetList,
});
const eventsSchema = describeRoute('nodes', {
  summary: 'Overview, nodes and fills again each second',
  description:
    'Server-sent events named `overview`, `nodes` and `fills`, with what the routes of these names answer; `unavailable` with ' +
    '`{ event, message }` for what cannot be told now.',
  contentType: 'text/event-stream',
  answer: text(),
});

export function addNodeRoutes(app: FastifyInstance, nodes: Nodes, views: NodeViews, feed: EventFeed): void {
  app.get('/v1/overview', { schema: overviewSchema }, (_request, reply) => answer(reply, views.overview));
  app.get('/v1/nodes', { schema: nodesSchema }, (_request, reply) => answer(reply, views.nodes));
  app.get('/v1/fills', { schema: fillsSchema }, (_request, reply) => answer(reply, views.fills));
  app.get('/v1/jobs', { schema: jobsSchema }, (_request, reply) => answer(reply, () => describeJobs(nodes)));
  app.get('/v1/budget', { schema: budgetSchema }, (_request, reply) => answer(reply, () => describeBudget(nodes)));
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

// The routes of the state of the whole cache. `GET /v1/events` sends the responses of `GET /v1/overview`, `GET /v1/nodes` and
// `GET /v1/fills` each second. `GET /v1/history` has the counts by time, `GET /v1/jobs` the queues and failures, and
// `GET /v1/budget` the remaining pulls.
// `GET /v1/audit` has the actions of operators and the rejected requests of all nodes, page by page.
import type { Nodes, Audit } from '@cistern/operations';
import {
  budgetList,
  fillList,
  history,
  historyRange,
  jobList,
  nodeList,
  reloadAnswer,
  type Overview,
  overview,
  auditKind,
  auditPage,
  count,
} from '@cistern/operations/api';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { addRoute, describeRoute } from '../http/add-route.ts';
import type { EventFeed } from './create-event-feed.ts';

const tag = 'nodes';
const eventsSchema = describeRoute({
  tag,
  summary: 'Overview, nodes and fills again each second',
  description:
    'Server-sent events named `overview`, `nodes` and `fills`, with the responses of these routes. An event `unavailable` with ' +
    '`{ event, message }` gives the reason why another event is missing.',
  contentType: 'text/event-stream',
  answer: z.string(),
});

/** Adds the routes of the running cache. `feed` must send the overview, the nodes and the fills. */
export function addNodeRoutes(
  app: FastifyInstance,
  nodes: Nodes,
  readOverview: () => Promise<Overview>,
  feed: EventFeed,
): void {
  addRoute(app, {
    path: 'GET /v1/overview',
    tag,
    summary: 'The state of the whole cache, and its counters',
    answer: overview,
    act: readOverview,
  });
  addRoute(app, {
    path: 'GET /v1/nodes',
    tag,
    summary: 'The nodes of the cache: the running ones, and those that ended within the last hour',
    answer: nodeList,
    act: () => nodes.nodes(),
  });
  addRoute(app, {
    path: 'POST /v1/reload',
    tag,
    summary: 'Makes all nodes read their configurations again',
    description:
      'Each node reads its own file and applies it as a whole, or keeps its configuration. Answers after ten seconds at most.',
    body: z.object({}),
    answer: reloadAnswer,
    act: () => nodes.reload(),
  });
  addRoute(app, {
    path: 'GET /v1/fills',
    tag,
    summary: 'Fetches of blobs in flight, and their progress',
    answer: fillList,
    act: () => nodes.fills(),
  });
  addRoute(app, {
    path: 'GET /v1/history',
    tag,
    summary: 'Requests, bytes and latencies by time, of the last day or month',
    description: 'The history survives restarts of nodes. It is lost with the data of Redis.',
    query: z.object({ range: historyRange.default('24h') }),
    answer: history,
    act: ({ query }) => nodes.history(query.range),
  });
  addRoute(app, {
    path: 'GET /v1/jobs',
    tag,
    summary: 'The job queues and the latest failures',
    answer: jobList,
    act: () => nodes.jobs(),
  });
  addRoute(app, {
    path: 'GET /v1/budget',
    tag,
    summary: 'Remaining pulls, by upstream and account',
    answer: budgetList,
    act: () => nodes.budget(),
  });
  // There is no HEAD route, because its handler would read a stream that has no end.
  app.get('/v1/events', { schema: eventsSchema, exposeHeadRoute: false }, (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    const stream = feed.listen();
    if (stream === undefined)
      return reply.code(503).send({
        message: 'Too many clients are subscribed to events. Close another console page, or poll the routes instead.',
      });
    // Prevents proxies from buffering the stream.
    return reply.header('content-type', 'text/event-stream').header('x-accel-buffering', 'no').send(stream);
  });
}

const auditQuery = z.object({
  limit: z.int().min(1).max(500).default(100),
  before: count.describe('The `before` of the previous page.').optional(),
  kind: auditKind.optional(),
});

export function addAuditRoutes(app: FastifyInstance, audit: Pick<Audit, 'list'>): void {
  addRoute(app, {
    path: 'GET /v1/audit',
    tag: 'nodes',
    summary: 'Actions of operators and rejected requests, the newest first',
    description:
      'The newest 2,000 of each kind, of all nodes. Entries appear within a second. A node reports at most five refusals a second. ' +
      'The audit log of each process (audit.path) has all of them.',
    query: auditQuery,
    answer: auditPage,
    act: ({ query }) => audit.list(query),
  });
}

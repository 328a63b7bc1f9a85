// The decisions of operators: `GET` and `POST /v1/pins`; `GET /v1/upstreams` and `POST /v1/offline`, where null means as
// configured; `GET /v1/stale`, a line of JSON for each tag.
import type { Decisions, Nodes } from '@cistern/operations';
import type { FastifyInstance } from 'fastify';
import { addLinesRoute, addRoute } from '../http/add-route.ts';
import { offlineRequest, pinAnswer, pinList, pinRequest, staleLine, upstreamList } from './decisions.ts';
import { describeUpstreams } from './describe-nodes.ts';

export function addDecisionRoutes(app: FastifyInstance, decisions: Decisions, nodes: Nodes): void {
  const tag = 'decisions';
  addRoute(app, {
    path: 'GET /v1/pins',
    tag,
    summary: 'Images that are never evicted',
    answer: pinList,
    act: async () => ({ pins: await decisions.pins() }),
  });
  addRoute(app, {
    path: 'POST /v1/pins',
    tag,
    summary: 'Pins or unpins an image',
    description: 'Pinning fetches nothing.',
    body: pinRequest,
    answer: pinAnswer,
    act: async ({ body: { image, pinned } }) =>
      pinned ? { image: await decisions.pin(image) } : decisions.unpin(image),
  });
  addRoute(app, {
    path: 'GET /v1/upstreams',
    tag,
    summary: 'The upstreams, and which of them are asked',
    answer: upstreamList,
    act: () => describeUpstreams(decisions, nodes),
  });
  addRoute(app, {
    path: 'POST /v1/offline',
    tag,
    summary: 'Switches an upstream, or all, offline or online',
    body: offlineRequest,
    answer: upstreamList,
    act: async ({ body: { upstream, offline } }) => {
      await decisions.decideOffline({ upstream, offline: offline ?? undefined });
      return describeUpstreams(decisions, nodes);
    },
  });
  addLinesRoute(app, {
    path: 'GET /v1/stale',
    tag,
    summary: 'Tags that were served although upstream had not confirmed them in time',
    description: 'Lines of JSON: `tag` again and again, at the end `result`, or `error`.',
    answer: staleLine,
    act: () => staleLines(decisions),
  });
}

async function* staleLines(decisions: Decisions) {
  for await (const tag of decisions.staleTags()) yield { tag };
  yield { result: {} };
}

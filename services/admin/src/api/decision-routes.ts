// The routes of operators' decisions: `GET` and `POST /v1/pins`, `GET /v1/upstreams`, and `POST /v1/offline`. `GET /v1/stale`
// sends a line of JSON for each tag that was served stale.
import type { Decisions, Nodes } from '@cistern/operations';
import { imageName, pinAnswer, pinList, staleLine, type UpstreamList, upstreamList } from '@cistern/operations/api';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { addLinesRoute, addRoute } from '../http/add-route.ts';

const offlineRequest = z.object({
  upstream: z.string().min(1).max(255).describe('Default: all.').optional(),
  offline: z.boolean().describe('Null restores the configured state.').nullable(),
});

export function addDecisionRoutes(app: FastifyInstance, decisions: Decisions, nodes: Nodes): void {
  const tag = 'decisions';
  addRoute(app, {
    path: 'GET /v1/pins',
    tag,
    summary: 'Images that are never evicted',
    answer: pinList,
    act: () => decisions.pins(),
  });
  addRoute(app, {
    path: 'POST /v1/pins',
    tag,
    summary: 'Pins or unpins an image',
    description: 'Pinning does not fetch the image.',
    body: z.object({ image: imageName, pinned: z.boolean() }),
    answer: pinAnswer,
    act: ({ body: { image, pinned } }) => (pinned ? decisions.pin(image) : decisions.unpin(image)),
  });
  addRoute(app, {
    path: 'GET /v1/upstreams',
    tag,
    summary: 'The upstreams, and which of them are offline',
    answer: upstreamList,
    act: () => describeUpstreams(decisions, nodes),
  });
  addRoute(app, {
    path: 'POST /v1/offline',
    tag,
    summary: 'Switches one upstream or all upstreams offline or online',
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
    summary: 'Tags that were served after their TTL without confirmation by the upstream',
    description: 'Lines of JSON: a `tag` for each tag, then `result` or `error`.',
    answer: staleLine,
    act: () => staleLines(decisions),
  });
}

/**
 * Resolves to the upstreams. Fields that workers report are null if no worker has reported them.
 */
async function describeUpstreams(decisions: Decisions, nodes: Nodes): Promise<UpstreamList> {
  const [states, reported] = await Promise.all([decisions.upstreams(), nodes.upstreams()]);
  const upstreams = states.map((state) => {
    const { health = null, calls = null, errors = null } = reported.get(state.name) ?? {};
    return { ...state, health, calls, errors };
  });
  return { upstreams };
}

async function* staleLines(decisions: Decisions) {
  for await (const tag of decisions.staleTags()) yield { tag };
  yield { result: {} };
}

// The routes of the store's maintenance. `GET /v1/scrub` has the last report of the scrub. `POST /v1/eviction/plan` with
// `{ downToBytes? }` lists the blobs that an eviction would remove now, each with the reason, in lines of JSON.
import type { Upkeep } from '@cistern/operations';
import { bytes, evictionLine, scrubAnswer } from '@cistern/operations/api';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { addLinesRoute, addRoute } from '../http/add-route.ts';

const evictionRequest = z.object({
  downToBytes: bytes.describe('Plan as if the store had to shrink to this size.').optional(),
});

export function addUpkeepRoutes(app: FastifyInstance, { scrubReport, evictionPlan }: Upkeep): void {
  const tag = 'upkeep';
  addRoute(app, {
    path: 'GET /v1/scrub',
    tag,
    summary: 'The last report of the scrub',
    answer: scrubAnswer,
    act: () => scrubReport(),
  });
  addLinesRoute(app, {
    path: 'POST /v1/eviction/plan',
    tag,
    summary: 'Blobs that an eviction would remove now, with the reason; nothing is removed',
    description: 'Lines of JSON: `plan`, a `victim` for each blob, then `result` or `error`.',
    body: evictionRequest,
    answer: evictionLine,
    act: ({ body }, signal) => planLines(evictionPlan, body.downToBytes, signal),
  });
}

async function* planLines(evictionPlan: Upkeep['evictionPlan'], downToBytes: number | undefined, signal: AbortSignal) {
  const { victims, ...plan } = await evictionPlan({ downToBytes, signal });
  yield { plan };
  const result = { victims: 0, bytes: 0 };
  for await (const victim of victims) {
    result.victims += 1;
    result.bytes += victim.size;
    yield { victim };
  }
  yield { result };
}

// `GET /v1/scrub`: what reading the store through has found, `{ report }`. `POST /v1/eviction/plan` with `{ downToBytes? }`: what
// would go now and why, a line of JSON each: `{ plan }`, then `{ victim }`s, at the end `{ result }`, or `{ error }`.
import { Readable } from 'node:stream';
import type { Upkeep } from '@cistern/assembly';
import { isCacheError } from '@cistern/errors';
import type { FastifyInstance } from 'fastify';

interface PlanBody {
  readonly downToBytes?: number;
}

const bodySchema = { type: 'object', properties: { downToBytes: { type: 'integer', minimum: 0 } } };

export function addUpkeepRoutes(app: FastifyInstance, { scrubReport, evictionPlan }: Upkeep): void {
  app.get('/v1/scrub', async (_request, reply) => {
    try {
      const report = await scrubReport();
      return reply.header('cache-control', 'no-store').send({ report: report ?? null });
    } catch (error) {
      return reply.code(503).send({ message: messageOf(error) });
    }
  });
  app.post<{ Body: PlanBody }>('/v1/eviction/plan', { schema: { body: bodySchema } }, async (request, reply) => {
    const ending = new AbortController();
    const lines = Readable.from(planLines(evictionPlan, request.body.downToBytes, ending.signal));
    // Whoever asked has gone.
    lines.on('close', () => ending.abort(new Error('nobody listens any more')));
    return reply.header('content-type', 'application/x-ndjson').header('cache-control', 'no-store').send(lines);
  });
}

async function* planLines(
  evictionPlan: Upkeep['evictionPlan'],
  downToBytes: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<string> {
  try {
    const { victims, ...plan } = await evictionPlan({ downToBytes, signal });
    yield line({ plan });
    let [count, bytes] = [0, 0];
    for await (const victim of victims) {
      count += 1;
      bytes += victim.size;
      yield line({ victim });
    }
    yield line({ result: { victims: count, bytes } });
  } catch (error) {
    yield line({ error: { message: messageOf(error) } });
  }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function messageOf(error: unknown): string {
  return isCacheError(error) ? error.message : 'It could not be done.';
}

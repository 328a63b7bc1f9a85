// `GET /v1/scrub`: what reading the store through has found, `{ report }`. `POST /v1/eviction/plan` with `{ downToBytes? }`: what
// would go now and why, a line of JSON each: `{ plan }`, then `{ victim }`s, at the end `{ result }`, or `{ error }`.
import { Readable } from 'node:stream';
import type { Upkeep } from '@cistern/operations';
import { isCacheError } from '@cistern/errors';
import type { FastifyInstance } from 'fastify';
import { describeRoute } from './describe-route.ts';
import { byteCount, count, object, optional, orNull, text, time } from './json-schema.ts';

interface PlanBody {
  readonly downToBytes?: number;
}

const scrubSchema = describeRoute('upkeep', {
  summary: 'What reading the store through has found',
  answer: object({ report: orNull({ type: 'object', description: 'Null: it has not been read through yet.' }) }),
});
const planSchema = describeRoute('upkeep', {
  summary: 'What would be removed from the store now, and why; nothing is',
  description: 'Lines of JSON: `plan`, then `victim` again and again, at the end `result`, or `error`.',
  body: object({ downToBytes: optional(byteCount('As if the store had to be brought down to this.')) }),
  contentType: 'application/x-ndjson',
  answer: object({
    plan: optional(object({ bytes: byteCount(), downToBytes: optional(byteCount()), pinned: count('Digests.') })),
    victim: optional(
      object({
        digest: text(),
        size: byteCount(),
        kind: text(),
        lastPulledAtMs: time('When it was last pulled'),
        reason: text(undefined, { enum: ['space', 'age'] }),
      }),
    ),
    result: optional(object({ victims: count(), bytes: byteCount() })),
    error: optional(object({ message: text() })),
  }),
});

export function addUpkeepRoutes(app: FastifyInstance, { scrubReport, evictionPlan }: Upkeep): void {
  app.get('/v1/scrub', { schema: scrubSchema }, async (_request, reply) => {
    try {
      const report = await scrubReport();
      return reply.header('cache-control', 'no-store').send({ report: report ?? null });
    } catch (error) {
      return reply.code(503).send({ message: messageOf(error) });
    }
  });
  app.post<{ Body: PlanBody }>('/v1/eviction/plan', { schema: planSchema }, async (request, reply) => {
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
    let [victimCount, bytes] = [0, 0];
    for await (const victim of victims) {
      victimCount += 1;
      bytes += victim.size;
      yield line({ victim });
    }
    yield line({ result: { victims: victimCount, bytes } });
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

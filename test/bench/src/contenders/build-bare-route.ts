// Builds the yardstick of small responses: one Fastify route that sends constant headers and bytes.
// real-time: polls a cache until it has stored the content
import { get, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { acceptedTypes } from '../load/wrk.ts';

interface Answer {
  readonly headers: Readonly<IncomingHttpHeaders>;
  readonly bytes: Buffer;
}

/** Node sets these itself for each response or connection. */
const ownHeaders: ReadonlySet<string> = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding']);
const [mostAttempts, pollMs] = [500, 20];

/**
 * Answers GET and HEAD below `/v2/` like the cache at `originUrl`. The first request of a path asks that cache, until
 * it serves a stored copy. All others get the same headers and bytes from memory. The caller listens and closes.
 */
export function buildBareRoute(originUrl: string): FastifyInstance {
  const app = fastify({ logger: false });
  const answers = new Map<string, Answer>();
  app.route({
    method: ['GET', 'HEAD'],
    url: '/v2/*',
    handler({ url }, reply) {
      const known = answers.get(url);
      if (known === undefined) void learn(originUrl + url).then(remember, (error: unknown) => reply.send(error));
      else send(reply, known);

      function remember(answer: Answer): void {
        answers.set(url, answer);
        send(reply, answer);
      }
    },
  });
  return app;
}

function send(reply: FastifyReply, { headers, bytes }: Answer): void {
  reply.headers(headers).send(bytes);
}

async function learn(url: string): Promise<Answer> {
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const { status, headers, bytes } = await pull(url);
    if (status !== 200) throw new Error(`${url} returned ${status}`);
    if ((headers['x-cache'] ?? 'HIT') === 'HIT') {
      const kept = Object.entries(headers).filter(([name]) => !ownHeaders.has(name));
      return { headers: Object.fromEntries(kept), bytes };
    }
    await delay(pollMs);
  }
  throw new Error(`${url} was never served from the cache`);
}

/** GETs also the answer of a HEAD, whose headers are the same. */
function pull(url: string): Promise<Answer & { readonly status: number | undefined }> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers: { accept: acceptedTypes } }, (response) => {
      const { statusCode: status, headers } = response;
      buffer(response).then((bytes) => resolve({ status, headers, bytes }), reject);
    }).once('error', reject);
  });
}

// `POST /v1/prewarm` with `{ image, platforms? }`: fetches an image before clients pull it, and reports its progress in lines of
// JSON.
import { PassThrough } from 'node:stream';
import type { Prewarm } from '@cistern/operations';
import { imageName, type PrewarmLine, prewarmLine } from '@cistern/operations/api';
import { parsePlatformName } from '@cistern/oci';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { addLinesRoute } from '../http/add-route.ts';
import { Refusal } from '../http/answer.ts';

const prewarmRequest = z.object({
  image: imageName.describe('For example nginx:1.27.'),
  platforms: z
    .array(z.string().max(64).describe('os/architecture.'))
    .max(32)
    .describe('Default: the platforms that clients pull.')
    .optional(),
});

export function addPrewarmRoute(app: FastifyInstance, prewarm: Prewarm): void {
  addLinesRoute(app, {
    path: 'POST /v1/prewarm',
    tag: 'images',
    summary: 'Fetches an image before a client pulls it',
    description:
      'Lines of JSON: `progress` several times, then `result` or `error`. The fetch continues if the caller disconnects.',
    body: prewarmRequest,
    answer: prewarmLine,
    act: ({ body: { image, platforms = [] } }, signal) =>
      prewarmLines(prewarm, image, platforms.map(parsePlatform), signal),
  });
}

function parsePlatform(name: string): string {
  const platform = parsePlatformName(name);
  if (platform === undefined)
    throw new Refusal(400, `"${name}" is not a platform. Use os/architecture, for example linux/amd64.`);
  return platform;
}

async function* prewarmLines(prewarm: Prewarm, image: string, platforms: readonly string[], signal: AbortSignal) {
  const lines = new PassThrough({ objectMode: true });
  const done = prewarm(image, {
    platforms,
    signal,
    onProgress: (progress) => void lines.write({ progress }),
  }).finally(() => lines.end());
  // If the client disconnects, nothing awaits `done`. Without this handler, a rejection would then end the process.
  done.catch(() => {});
  yield* lines as AsyncIterable<PrewarmLine>;
  yield { result: await done };
}

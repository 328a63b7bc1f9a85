// `POST /v1/prewarm` with `{ image, platforms? }`: fetches an image early and says how far it is, a line of JSON for each step:
// `{ progress }` now and then, at the end `{ result }`, or `{ error }` for what could not be asked for at all.
import { PassThrough } from 'node:stream';
import type { Prewarm } from '@cistern/operations';
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError, parsePlatformName } from '@cistern/oci';
import type { FastifyInstance } from 'fastify';
import { describeRoute } from './describe-route.ts';
import { byteCount, count, list, object, optional, text } from './json-schema.ts';

interface PrewarmBody {
  readonly image: string;
  readonly platforms?: readonly string[];
}

const schema = describeRoute('images', {
  summary: 'Fetches an image before anybody asks for it',
  description: 'Lines of JSON: `progress` now and then, at the end `result`, or `error`. Whoever leaves stops nothing.',
  body: object({
    image: { ...text('For example nginx:1.27.', { maxLength: 512 }), minLength: 1 },
    platforms: optional({
      ...list(text('os/architecture.', { maxLength: 64 }), 'Default: those that are pulled.'),
      maxItems: 32,
    }),
  }),
  contentType: 'application/x-ndjson',
  answer: object({
    progress: optional(object({ blobs: count(), blobsHere: count(), bytes: byteCount(), bytesHere: byteCount() })),
    result: optional(
      object({
        digest: optional(text()),
        blobs: count(),
        bytes: byteCount(),
        fetchedBlobs: count(),
        fetchedBytes: byteCount(),
        failure: optional(object({ kind: text(), message: text() })),
      }),
    ),
    error: optional(object({ message: text() })),
  }),
});

export function addPrewarmRoute(app: FastifyInstance, prewarm: Prewarm): void {
  app.post<{ Body: PrewarmBody }>('/v1/prewarm', { schema }, async (request, reply) => {
    const { image, platforms = [] } = request.body;
    const names = platforms.map(parsePlatformName);
    const unknown = platforms.find((_, at) => names[at] === undefined);
    if (unknown !== undefined)
      return reply.code(400).send({ message: `"${unknown}" is no platform: write for example linux/amd64.` });
    const lines = new PassThrough();
    const ending = new AbortController();
    // The client has gone: its wish goes on.
    lines.on('close', () => ending.abort(new Error('nobody listens any more')));
    const say = (line: object) => void (ending.signal.aborted || lines.write(`${JSON.stringify(line)}\n`));
    prewarm(image, {
      platforms: names.filter((name) => name !== undefined),
      signal: ending.signal,
      onProgress: (progress) => say({ progress }),
    })
      .then(
        (result) => say({ result }),
        (error: unknown) => say({ error: { message: messageOf(error) } }),
      )
      .finally(() => lines.end());
    return reply.header('content-type', 'application/x-ndjson').header('cache-control', 'no-store').send(lines);
  });
}

/** What is our own mistake stands in the log of the worker that made it. */
function messageOf(error: unknown): string {
  if (isCacheError(error)) return error.message;
  return error instanceof OciSyntaxError
    ? `${error.message}.`
    : 'It could not be done; the log of the workers says why.';
}

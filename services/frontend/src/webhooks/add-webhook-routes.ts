// `POST /webhooks/<name>`: an upstream reports a push. The response is sent before the push is processed.
import { createHmac } from 'node:crypto';
import type { WebhookConfig, WebhookProvider } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import { OciSyntaxError, parseRepositoryName, parseTag } from '@cistern/oci';
import type { Pushes } from '@cistern/prewarm';
import type { Metrics } from '@cistern/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isSameSecret } from '@cistern/runtime';
import { enterOperation } from '../hooks/request-facts.ts';
import { queryValue } from '../http/request-fields.ts';
import { takeBody } from '../http/server-options.ts';
import { type PushedImage, type ReadPushed, readPushed } from './read-pushed.ts';

export interface WebhookDependencies {
  readonly webhooks: readonly WebhookConfig[];
  readonly pushes: Pushes;
  readonly metrics: Metrics;
}

/** The most bytes of a body. GitHub sends about 20 KiB, or a few hundred KiB if the payload contains a long manifest. */
const bodyLimit = 1024 * 1024;
/** The most images that are taken from one request. A registry may send several events in one request. */
const maxImages = 1000;

export function addWebhookRoutes(app: FastifyInstance, { webhooks, pushes, metrics }: WebhookDependencies): void {
  void app.register(async (hooks) => {
    takeBody(hooks, bodyLimit);
    for (const webhook of webhooks) {
      const { name, provider, upstream } = webhook;
      const count = (result: string) => metrics.webhooks.inc({ provider, result });
      hooks.post(`/webhooks/${name}`, { bodyLimit }, async (request, reply) => {
        enterOperation(metrics, request.record, 'webhook');
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        if (!isGenuine({ provider, body, ...proofOf(request) }, webhook.secret.reveal())) {
          count('refused');
          throw new CacheError(
            'denied',
            'The secret or signature of this webhook is wrong. Check the secret in webhooks.',
          );
        }
        const images = parseBody(body, readPushed[provider]);
        if (images === undefined) {
          count('malformed');
          throw new CacheError(
            'name-invalid',
            `The body is not a JSON payload of ${provider}. Check the provider in webhooks.`,
          );
        }
        const keys = images.slice(0, maxImages).flatMap((image) => keyOf(upstream, image) ?? []);
        count(keys.length > 0 ? 'taken' : 'ignored');
        for (const key of keys) pushes.note(key);
        return reply.code(202).send({ taken: keys.length });
      });
    }
  });
}

function proofOf(request: FastifyRequest) {
  const { headers } = request;
  const signature = headers['x-hub-signature-256'];
  return {
    signature: typeof signature === 'string' ? signature : undefined,
    authorization: headers.authorization,
    token: queryValue(request, 'token'),
  };
}

function parseBody(body: Buffer, read: ReadPushed): readonly PushedImage[] | undefined {
  try {
    return read(JSON.parse(body.toString('utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Returns the key of a pushed image, or `undefined` if its name is invalid. Adds the namespace `library` to Docker Hub's official
 * images if the payload omits it.
 */
function keyOf(upstream: string, { repository, tag }: PushedImage) {
  try {
    const isOfficial = upstream === 'docker.io' && !repository.includes('/');
    return {
      upstream,
      repository: parseRepositoryName(isOfficial ? `library/${repository}` : repository),
      tag: parseTag(tag),
    };
  } catch (error) {
    if (error instanceof OciSyntaxError) return undefined;
    throw error;
  }
}

interface Proof {
  readonly provider: WebhookProvider;
  /** The exact bytes that were sent, because the signature is computed from them. */
  readonly body: Buffer;
  /** `X-Hub-Signature-256`. */
  readonly signature: string | undefined;
  readonly authorization: string | undefined;
  /** The query parameter `token`. */
  readonly token: string | undefined;
}

/**
 * Returns whether the sender of a webhook request has the secret. GitHub signs the body with the secret. Other providers sign the
 * body too, or send the secret in a header or in the URL. All comparisons take constant time.
 */
export function isGenuine({ provider, body, signature, authorization, token }: Proof, secret: string): boolean {
  if (provider === 'github' || signature !== undefined)
    return isSameSecret(signature, `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
  return isSameSecret(authorization, `Bearer ${secret}`) || isSameSecret(token, secret);
}

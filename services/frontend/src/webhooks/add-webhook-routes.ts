// `POST /webhooks/<name>`: an upstream tells that something was pushed. It is answered before anything is done about it.
import type { WebhookConfig, WebhookProvider } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import { OciSyntaxError, parseRepositoryName, parseTag } from '@cistern/oci';
import type { Pushes } from '@cistern/prewarm';
import type { Metrics } from '@cistern/telemetry';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { enterOperation } from '../hooks/request-facts.ts';
import { queryValue } from '../http/query-value.ts';
import { takeBody } from '../http/take-body.ts';
import { isGenuine } from './is-genuine.ts';
import type { PushedImage, ReadPushed } from './pushed-image.ts';
import { readDistribution } from './read-distribution.ts';
import { readDockerHub } from './read-docker-hub.ts';
import { readGeneric } from './read-generic.ts';
import { readGithub } from './read-github.ts';

export interface WebhookDependencies {
  readonly webhooks: readonly WebhookConfig[];
  readonly pushes: Pushes;
  readonly metrics: Metrics;
}

const readers: Readonly<Record<WebhookProvider, ReadPushed>> = {
  'docker-hub': readDockerHub,
  github: readGithub,
  distribution: readDistribution,
  generic: readGeneric,
};

/** GitHub's are some 20 KiB, with a long manifest a few hundred. */
const bodyLimit = 1024 * 1024;
/** Of one request: a registry gathers some events. */
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
          throw new CacheError('denied', 'The secret or signature of this webhook is wrong.');
        }
        const images = parseBody(body, readers[provider]);
        if (images === undefined) {
          count('malformed');
          throw new CacheError('name-invalid', `The body is not what ${provider} sends as JSON.`);
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

/** Docker Hub's official images have a namespace that not everybody writes. What is no name was not pushed to a registry. */
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

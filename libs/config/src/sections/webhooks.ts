// Where upstreams say that something was pushed to them.
import type { z } from 'zod';
import type { Secret } from '../values/secrets.ts';
import { choice, filePath, mapOf, openSection, secret, text } from '../values/values.ts';
import { dockerHub } from './built-in-upstreams.ts';
import { chooseSecret, type SectionContext } from './context.ts';
import type { UpstreamConfig } from './upstreams.ts';

const providers = ['docker-hub', 'github', 'distribution', 'generic'] as const;
export type WebhookProvider = (typeof providers)[number];

const webhook = openSection('One webhook.', {
  provider: choice(
    'Who sends it: Docker Hub; GitHub (events `package` and `registry_package`); a registry that is distribution, by its `notifications`; or anybody, as `{"repository": "team/app", "tag": "v1"}`.',
    providers,
  ),
  upstream: text({
    text: 'The upstream to which was pushed.',
    default: '`docker.io` for Docker Hub, `ghcr.io` for GitHub, else the default upstream',
  }).optional(),
  secret: secret(
    'What its sender knows, at least 16 bytes. GitHub signs with it; the others send it as `Authorization: Bearer …` or, like Docker Hub, which can do no better, in the URL: `?token=…`.',
  ).optional(),
  secretfile: filePath('A file that holds the secret.').optional(),
});

export const webhooksSection = mapOf(
  'Where upstreams tell of pushes, by name: `POST /webhooks/<name>` on `http.addr`. What was pushed is asked for and fetched at once.',
  webhook,
).prefault({});

export interface WebhookConfig {
  readonly name: string;
  readonly provider: WebhookProvider;
  readonly upstream: string;
  readonly secret: Secret;
}

const namePattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const minSecretBytes = 16;

export function buildWebhooks(
  webhooks: z.output<typeof webhooksSection>,
  upstreams: readonly UpstreamConfig[],
  context: SectionContext,
): readonly WebhookConfig[] {
  return Object.entries(webhooks).flatMap(([name, entry]) => {
    const path = `webhooks.${name}`;
    if (!namePattern.test(name))
      context.report(path, 'is no name for a webhook: use lower-case letters, digits and "-"');
    const upstream = chooseUpstream(entry, path, upstreams, context);
    const secretOfSender = chooseSecret(context, `${path}.secret`, { value: entry.secret, file: entry.secretfile });
    if (secretOfSender === undefined && entry.secretfile === undefined)
      context.report(
        `${path}.secret`,
        'is required: without one anybody could send it. openssl rand -hex 32 makes one',
      );
    if (secretOfSender !== undefined && Buffer.byteLength(secretOfSender.reveal()) < minSecretBytes)
      context.report(`${path}.secret`, `must have at least ${minSecretBytes} bytes: openssl rand -hex 32 makes one`);
    if (upstream === undefined || secretOfSender === undefined) return [];
    return [{ name, provider: entry.provider, upstream, secret: secretOfSender }];
  });
}

function chooseUpstream(
  { provider, upstream: given }: z.output<typeof webhook>,
  path: string,
  upstreams: readonly UpstreamConfig[],
  context: SectionContext,
): string | undefined {
  const usual = { 'docker-hub': dockerHub, github: 'ghcr.io', distribution: undefined, generic: undefined };
  const wanted = given ?? usual[provider] ?? upstreams.find(({ isDefault }) => isDefault)?.name;
  if (upstreams.some(({ name }) => name === wanted)) return wanted;
  context.report(`${path}.upstream`, `must be one of ${upstreams.map(({ name }) => name).join(', ')}`);
  return undefined;
}

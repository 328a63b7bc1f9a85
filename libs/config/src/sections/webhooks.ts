// The section `webhooks`: notifications of pushes by upstreams.
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
    'The sender: Docker Hub; GitHub (events `package` and `registry_package`); a distribution registry, by its `notifications`; or any other sender, with `{"repository": "team/app", "tag": "v1"}`.',
    providers,
  ),
  upstream: text({
    text: 'The upstream of the pushed image.',
    default: '`docker.io` for Docker Hub, `ghcr.io` for GitHub, else the default upstream',
  }).optional(),
  secret: secret(
    'The secret of the sender, at least 16 bytes. GitHub signs with it. The others send it as `Authorization: Bearer …` or in the URL: `?token=…`. Docker Hub supports only the URL.',
  ).optional(),
  secretfile: filePath('A file with the secret.').optional(),
});

export const webhooksSection = mapOf(
  'Webhooks for pushes to upstreams, by name: `POST /webhooks/<name>` on `http.addr`. The pushed tag is confirmed and fetched immediately.',
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
    if (!namePattern.test(name)) context.report(path, 'is not a valid name: use lower-case letters, digits and "-"');
    const upstream = chooseUpstream(entry, path, upstreams, context);
    const secretOfSender = chooseSecret(context, `${path}.secret`, { value: entry.secret, file: entry.secretfile });
    if (secretOfSender === undefined && entry.secretfile === undefined)
      context.report(
        `${path}.secret`,
        'is required, because otherwise any client could send it. Create one with: openssl rand -hex 32',
      );
    if (secretOfSender !== undefined && Buffer.byteLength(secretOfSender.reveal()) < minSecretBytes)
      context.report(
        `${path}.secret`,
        `must have at least ${minSecretBytes} bytes; create one with: openssl rand -hex 32`,
      );
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

// What upstreams tell of pushes.
import { Counter, type Registry } from 'prom-client';

const webhookProviders = ['docker-hub', 'github', 'distribution', 'generic'] as const;
/** `refused`: whoever sent it does not know the secret. `ignored`: it tells of nothing that is cached here. */
const webhookResults = ['taken', 'ignored', 'malformed', 'refused'] as const;

export interface WebhookMetrics {
  readonly webhooks: Counter<'provider' | 'result'>;
}

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
  const webhooks = new Counter({
    name: 'cistern_webhooks_total',
    help: 'Requests by which upstreams told of pushes.',
    labelNames: ['provider', 'result'],
    registers: [registry],
  });
  for (const provider of webhookProviders) for (const result of webhookResults) webhooks.inc({ provider, result }, 0);
  return { webhooks };
}

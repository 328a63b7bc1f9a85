// All metrics of one process on a registry of its own, never the global one: two servers in one process do not meet.
import { collectDefaultMetrics, Registry, type Gauge } from 'prom-client';
import { createAuthenticationMetrics, type AuthenticationMetrics } from './authentication-metrics.ts';
import { type AccessMetrics, createAccessMetrics } from './access-metrics.ts';
import { type AuditMetrics, createAuditMetrics } from './audit-metrics.ts';
import { createBuildInfo } from './build-info.ts';
import { createEvictionMetrics, type EvictionMetrics } from './eviction-metrics.ts';
import { createFillMetrics, type FillMetrics } from './fill-metrics.ts';
import { createFreshnessMetrics, type FreshnessMetrics } from './freshness-metrics.ts';
import { createIndexMetrics, type IndexMetrics } from './index-metrics.ts';
import { createJobMetrics, type JobMetrics } from './job-metrics.ts';
import { createLimitMetrics, type LimitMetrics } from './limit-metrics.ts';
import { createPrewarmMetrics, type PrewarmMetrics } from './prewarm-metrics.ts';
import { createRequestMetrics, type RequestMetrics } from './request-metrics.ts';
import { createScrubMetrics, type ScrubMetrics } from './scrub-metrics.ts';
import { createStoreMetrics, type StoreMetrics } from './store-metrics.ts';
import { createTlsMetrics, type TlsMetrics } from './tls-metrics.ts';
import { createWebhookMetrics, type WebhookMetrics } from './webhook-metrics.ts';
import { createUpstreamMetrics, type UpstreamMetrics } from './upstream-metrics.ts';

export interface Metrics
  extends
    RequestMetrics,
    AuthenticationMetrics,
    LimitMetrics,
    IndexMetrics,
    JobMetrics,
    UpstreamMetrics,
    FreshnessMetrics,
    FillMetrics,
    StoreMetrics,
    PrewarmMetrics,
    EvictionMetrics,
    ScrubMetrics,
    WebhookMetrics,
    TlsMetrics,
    AccessMetrics,
    AuditMetrics {
  readonly registry: Registry;
  readonly buildInfo: Gauge<'version' | 'node'>;
}

export interface MetricsOptions {
  /** Names of the configured upstreams, so that their series start at zero. */
  readonly upstreams?: readonly string[];
  readonly version?: string;
  /** CPU, memory, event loop and garbage collection of this process, under their customary names. Default false. */
  readonly processMetrics?: boolean;
}

export function createMetrics({
  upstreams = [],
  version = 'unknown',
  processMetrics = false,
}: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...createRequestMetrics(registry),
    ...createAuthenticationMetrics(registry),
    ...createLimitMetrics(registry),
    ...createIndexMetrics(registry),
    ...createJobMetrics(registry),
    ...createUpstreamMetrics(registry, upstreams),
    ...createFreshnessMetrics(registry, upstreams),
    ...createFillMetrics(registry),
    ...createStoreMetrics(registry),
    ...createPrewarmMetrics(registry, upstreams),
    ...createEvictionMetrics(registry),
    ...createScrubMetrics(registry),
    ...createWebhookMetrics(registry),
    ...createTlsMetrics(registry),
    ...createAccessMetrics(registry, upstreams),
    ...createAuditMetrics(registry),
    buildInfo: createBuildInfo(registry, version),
  };
}

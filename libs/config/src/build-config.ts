// The table of the sections' schemas, and the function that builds the configuration from their values.
import type { z } from 'zod';
import { accessSection, buildAccess, type AccessConfig } from './sections/access.ts';
import { adminSection, buildAdmin, type AdminConfig } from './sections/admin.ts';
import { auditSection } from './sections/audit.ts';
import { authSection, buildAuth, checkVerifyWithoutAuth, type AuthConfig } from './sections/auth.ts';
import { buildCluster, checkCluster, clusterSection, type ClusterConfig } from './sections/cluster.ts';
import type { SectionContext } from './sections/context.ts';
import { buildHealth, healthSection, type HealthConfig } from './sections/health.ts';
import { buildHttp, httpSection, type HttpConfig } from './sections/http.ts';
import { buildLimits, limitsSection, type LimitsConfig } from './sections/limits.ts';
import { buildLog, loglevel, logSection, type LogConfig } from './sections/log.ts';
import { buildPrewarm, prewarmSection, type PrewarmConfig } from './sections/prewarm.ts';
import { buildRedis, redisSection, type RedisConfig } from './sections/redis.ts';
import { buildStorage, storageSection, type StorageSlices } from './sections/storage.ts';
import { buildUpstreamTable, proxySection } from './sections/upstream-table.ts';
import { upstreamsSection, type UpstreamConfig } from './sections/upstreams.ts';
import { buildWebhooks, webhooksSection, type WebhookConfig } from './sections/webhooks.ts';
import { buildWorker, workerSection, type WorkerConfig } from './sections/worker.ts';
import { buildKeyTree } from './source/key-tree.ts';
import { unsupportedKeys } from './source/unsupported-keys.ts';
import type { Problem } from './source/problems.ts';
import { choice, flag } from './values/values.ts';

export const rootShape = {
  version: choice("The version of the file's format, as in registry:2.", ['0.1']).prefault('0.1'),
  log: logSection,
  loglevel,
  http: httpSection,
  auth: authSection,
  access: accessSection,
  limits: limitsSection,
  audit: auditSection,
  storage: storageSection,
  redis: redisSection,
  cluster: clusterSection,
  health: healthSection,
  proxy: proxySection,
  upstreams: upstreamsSection,
  worker: workerSection,
  prewarm: prewarmSection,
  webhooks: webhooksSection,
  admin: adminSection,
  offline: flag(
    'Sends no requests to upstreams. Cached content is served regardless of its age, and everything else is rejected. `cistern offline` changes it at runtime.',
  ).prefault('false'),
} as const;

/** The tree of all known keys. */
export const keyTree = buildKeyTree(rootShape, unsupportedKeys);

export interface Config extends StorageSlices {
  readonly log: LogConfig;
  readonly http: HttpConfig;
  readonly auth: AuthConfig;
  readonly access: AccessConfig;
  readonly limits: LimitsConfig;
  readonly audit: Readonly<z.output<typeof auditSection>>;
  /** `undefined` means that this process has its own index and jobs. */
  readonly redis: RedisConfig | undefined;
  /** `undefined` means a single node. */
  readonly cluster: ClusterConfig | undefined;
  readonly health: HealthConfig;
  readonly upstreams: readonly UpstreamConfig[];
  readonly worker: WorkerConfig;
  readonly prewarm: PrewarmConfig;
  readonly webhooks: readonly WebhookConfig[];
  readonly admin: AdminConfig;
  /** Settings that are valid, but have no effect or are risky, with the reasons. */
  readonly warnings: readonly Problem[];
  /** The values of the keys of the file, by section. */
  readonly settings: Settings;
}

export type Settings = { readonly [K in keyof typeof rootShape]: z.output<(typeof rootShape)[K]> };

/**
 * The values of each section. `undefined` means that the section does not fit its schema, even without its invalid
 * values.
 */
export type SectionValues = {
  readonly [K in keyof Settings]: { readonly value: Settings[K] } | undefined;
};

/**
 * Builds the configuration from the values of the sections. Reports values that conflict with each other. A section
 * without values is `undefined` in the result; the problems of its values are already reported.
 */
export function buildConfig(
  values: SectionValues,
  context: SectionContext,
): Partial<Omit<Config, 'warnings' | 'settings'>> {
  const { log, loglevel: oldLevel, http, auth, access, limits, audit, storage, redis, cluster } = values;
  const { health, proxy, upstreams, worker, prewarm, webhooks, admin, offline } = values;
  const { isPresent } = context;
  const table =
    proxy &&
    upstreams &&
    buildUpstreamTable({ proxy: proxy.value, upstreams: upstreams.value, offline: offline?.value === true }, context);
  const config = {
    log: log && oldLevel && buildLog(log.value, oldLevel.value),
    http: http && buildHttp(http.value, isPresent('redis'), context),
    auth: auth && buildAuth(auth.value, context),
    access: access && buildAccess(access.value),
    limits: limits && buildLimits(limits.value),
    audit: audit?.value,
    ...(storage && buildStorage(storage.value, context)),
    redis: redis?.value && buildRedis(redis.value, context),
    cluster: cluster?.value && buildCluster(cluster.value, context),
    health: health && buildHealth(health.value),
    upstreams: table,
    worker: worker && buildWorker(worker.value, context),
    prewarm: prewarm && table && buildPrewarm(prewarm.value, table, context),
    webhooks: webhooks && table && buildWebhooks(webhooks.value, table, context),
    admin: admin && buildAdmin(admin.value, isPresent('redis'), context),
  };
  if (config.auth && table) checkVerifyWithoutAuth(config.auth, table, context);
  const storesInMemory = storage?.value.inmemory !== undefined;
  checkCluster({ storesInMemory, workerPort: config.worker?.address.port }, context);
  return config as Partial<Omit<Config, 'warnings' | 'settings'>>;
}

// From file and environment to one frozen configuration, or to one error that names everything that is wrong (decision 0003).
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { applyEnvironment, nameVariables } from './source/environment.ts';
import type { Environment } from '@cistern/runtime/process';
import { hideUserInfo } from './source/hide-user-info.ts';
import { ConfigError, joinPath, type Findings, type Problem } from './values/problems.ts';
import { isRawMap, readYaml, type RawMap, type RawValue } from './source/read-yaml.ts';
import { keyTree, rootShape } from './root-shape.ts';
import { screenKeys } from './source/screen-keys.ts';
import { buildAdmin, type AdminConfig } from './sections/admin.ts';
import { buildAudit, type AuditConfig } from './sections/audit.ts';
import { buildAuth, checkNoVerified, type AuthConfig } from './sections/auth.ts';
import { buildCluster, type ClusterConfig } from './sections/cluster.ts';
import type { SectionContext } from './sections/context.ts';
import { buildHealth, type HealthConfig } from './sections/health.ts';
import { buildHttp, type HttpConfig } from './sections/http.ts';
import { buildLimits, type LimitsConfig } from './sections/limits.ts';
import { buildLog, type LogConfig } from './sections/log.ts';
import { buildAccess, type AccessConfig } from './sections/access.ts';
import { buildPrewarm, type PrewarmConfig } from './sections/prewarm.ts';
import { buildRedis, type RedisConfig } from './sections/redis.ts';
import { buildStorageLimits, type StorageLimitsConfig } from './sections/storage-limits.ts';
import { buildStorageRedirect, type StorageRedirectConfig } from './sections/storage-redirect.ts';
import { buildStorageScrub, type StorageScrubConfig } from './sections/storage-scrub.ts';
import { buildStorage, type StorageConfig } from './sections/storage.ts';
import { buildUpstreamTable } from './sections/upstream-table.ts';
import type { UpstreamConfig } from './sections/upstreams.ts';
import { buildWebhooks, type WebhookConfig } from './sections/webhooks.ts';
import { buildWorker, type WorkerConfig } from './sections/worker.ts';

/** The sections that are present. Other checks report what is wrong inside them. */
interface ClusterSections {
  readonly hasRedis: boolean;
  readonly hasCluster: boolean;
  readonly storesInMemory: boolean;
  readonly workerPort: number | undefined;
}

export interface Config {
  readonly log: LogConfig;
  readonly http: HttpConfig;
  readonly auth: AuthConfig;
  readonly access: AccessConfig;
  readonly limits: LimitsConfig;
  readonly audit: AuditConfig;
  readonly storage: StorageConfig;
  readonly storageLimits: StorageLimitsConfig;
  /** `undefined`: clients get every byte from Cistern. */
  readonly storageRedirect: StorageRedirectConfig | undefined;
  /** `undefined`: the store is not read through. */
  readonly storageScrub: StorageScrubConfig | undefined;
  /** `undefined`: the index and the jobs are this process's own. */
  readonly redis: RedisConfig | undefined;
  /** `undefined`: one node. */
  readonly cluster: ClusterConfig | undefined;
  readonly health: HealthConfig;
  readonly upstreams: readonly UpstreamConfig[];
  readonly worker: WorkerConfig;
  readonly prewarm: PrewarmConfig;
  readonly webhooks: readonly WebhookConfig[];
  readonly admin: AdminConfig;
  /** Keys that were understood but have no effect, and why. */
  readonly warnings: readonly Problem[];
}

export interface LoadConfigOptions {
  /** Default: `REGISTRY_CONFIGURATION_PATH`; without either there is no file. */
  readonly path?: string | undefined;
  /** The process's environment. */
  readonly env: Environment;
  /** Reads the file itself and the files it names. */
  readonly readFile?: (path: string) => string;
  /** `rootDirectory`: where to store when the configuration names no store. */
  readonly defaults: { readonly rootDirectory: string };
}

/** Throws `ConfigError` with every problem. The result is frozen throughout. */
export function loadConfig(options: LoadConfigOptions): Config {
  const { env, defaults, readFile = (path) => readFileSync(path, 'utf8') } = options;
  const path = options.path ?? (env['REGISTRY_CONFIGURATION_PATH'] || undefined);
  const source = path ?? 'The configuration';
  const findings: Findings = { problems: [], warnings: [] };
  const raw = path === undefined ? {} : readSource(path, readFile);
  const written = applyEnvironment(raw, env, keyTree, findings.warnings);
  expandShorthands(raw);
  const screened = screenKeys(raw, keyTree, findings);
  const check = <K extends keyof typeof rootShape>(key: K) => checkSection(key, screened[key], findings.problems);

  const context: SectionContext = {
    report: (at, message) => {
      if (!findings.problems.some((problem) => problem.path === at)) findings.problems.push({ path: at, message });
    },
    warn: (at, message) => void findings.warnings.push({ path: at, message }),
    readFile,
    env,
    defaults,
  };
  check('version');
  const log = check('log');
  const loglevel = check('loglevel');
  const http = check('http');
  const auth = check('auth');
  const access = check('access');
  const limits = check('limits');
  const audit = check('audit');
  const storage = check('storage');
  const health = check('health');
  const proxy = check('proxy');
  const upstreams = check('upstreams');
  const worker = check('worker');
  const prewarm = check('prewarm');
  const webhooks = check('webhooks');
  const admin = check('admin');
  const redis = check('redis');
  const cluster = check('cluster');
  const offline = check('offline');
  const table =
    proxy &&
    upstreams &&
    buildUpstreamTable({ proxy: proxy.value, upstreams: upstreams.value, offline: offline?.value === true }, context);
  const config = {
    log: log && loglevel && buildLog(log.value, loglevel.value),
    http: http && buildHttp(http.value, 'redis' in screened, context),
    auth: auth && buildAuth(auth.value, context),
    access: access && buildAccess(access.value),
    limits: limits && buildLimits(limits.value),
    audit: audit && buildAudit(audit.value),
    storage: storage && buildStorage(storage.value, context),
    storageLimits: storage && buildStorageLimits(storage.value, isFilesystem(storage.value), context),
    storageRedirect: storage && buildStorageRedirect(storage.value.redirect, storage.value.s3 !== undefined, context),
    storageScrub: storage && buildStorageScrub(storage.value.scrub, context),
    redis: redis?.value && buildRedis(redis.value, context),
    cluster: cluster?.value && buildCluster(cluster.value, context),
    health: health && buildHealth(health.value),
    upstreams: table,
    worker: worker && buildWorker(worker.value, context),
    prewarm: prewarm && table && buildPrewarm(prewarm.value, table, context),
    webhooks: webhooks && table && buildWebhooks(webhooks.value, table, context),
    admin: admin && buildAdmin(admin.value, 'redis' in screened, context),
  };
  if (config.auth && table) checkNoVerified(config.auth, table, context);
  const storesInMemory = storage?.value.inmemory !== undefined;
  const workerPort = config.worker?.address.port;
  checkCluster(
    { hasRedis: 'redis' in screened, hasCluster: 'cluster' in screened, storesInMemory, workerPort },
    context,
  );
  const hide = hideUserInfo(raw);
  if (findings.problems.length > 0) {
    const problems = findings.problems.map((problem) => nameVariables(hide(problem), written));
    throw new ConfigError(source, problems);
  }
  // Every section that could not be built has reported why.
  return deepFreeze({ ...(config as Omit<Config, 'warnings'>), warnings: findings.warnings.map(hide) });
}

function isFilesystem({ s3, inmemory }: z.output<typeof rootShape.storage>): boolean {
  return s3 === undefined && inmemory === undefined;
}

function readSource(path: string, readFile: (path: string) => string): RawMap {
  const fail = (message: string) =>
    new ConfigError(
      path,
      message.split('\n').map((line) => ({ path: '', message: line })),
    );
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    throw fail(`the file cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
  }
  let raw;
  try {
    raw = readYaml(text);
  } catch (error) {
    throw fail((error as Error).message);
  }
  if (raw === null) return {};
  if (!isRawMap(raw)) throw fail('must be a map of sections, for example log, http and storage');
  return raw;
}

/** registry:2 takes `storage: inmemory` for `storage: { inmemory: {} }`, and the same for `auth`. */
function expandShorthands(raw: RawMap): void {
  for (const key of ['storage', 'auth']) {
    const value = raw[key];
    if (typeof value === 'string' && value !== '') raw[key] = { [value]: null };
  }
}

/**
 * The section's values; where some are wrong, they are reported and left out, so that what depends on the others can
 * be checked in the same go. `undefined`: too much is missing for that.
 */
function checkSection<K extends keyof typeof rootShape>(
  key: K,
  value: RawValue | undefined,
  problems: Problem[],
): { readonly value: z.output<(typeof rootShape)[K]> } | undefined {
  const result = rootShape[key].safeParse(value);
  if (result.success) return { value: result.data as z.output<(typeof rootShape)[K]> };
  for (const { path, message } of result.error.issues) problems.push({ path: joinPath([key, ...path]), message });
  const rest = structuredClone(value);
  for (const { path } of result.error.issues) removeAt(rest, path);
  const second = rootShape[key].safeParse(isRawMap(rest) ? rest : undefined);
  return second.success ? { value: second.data as z.output<(typeof rootShape)[K]> } : undefined;
}

/** Removes a value, or the list that holds it. */
function removeAt(value: RawValue | undefined, [key, ...rest]: readonly PropertyKey[]): void {
  if (!isRawMap(value) || typeof key !== 'string') return;
  const child = value[key];
  if (rest.length > 0 && isRawMap(child)) removeAt(child, rest);
  else delete value[key];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value))
    for (const item of Object.values(Object.freeze(value))) deepFreeze(item);
  return value;
}

/** Rules between the sections that make a cluster of nodes. */
function checkCluster(sections: ClusterSections, context: SectionContext): void {
  const { hasRedis, hasCluster, storesInMemory, workerPort } = sections;
  if (hasRedis && storesInMemory)
    context.report(
      'redis',
      'needs a store that the nodes share: use storage.s3, or storage.filesystem on one machine or a shared directory, not storage.inmemory',
    );
  if (hasRedis && !hasCluster)
    context.warn(
      'redis',
      'only one node may use it: several need cluster.secretfile too, to follow the fetches of each other',
    );
  if (hasCluster && !hasRedis)
    context.report('cluster', 'needs redis, where the nodes share their index and their jobs: add redis.addrs');
  if (hasCluster && workerPort === 0)
    context.report('worker.addr', 'must name the port, because other nodes have to find it, for example :5002');
}

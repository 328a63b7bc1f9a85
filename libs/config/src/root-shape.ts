// All sections of the file, and the one tree of known keys made of them.
import { buildKeyTree } from './source/key-tree.ts';
import { adminSection } from './sections/admin.ts';
import { auditSection } from './sections/audit.ts';
import { authSection } from './sections/auth.ts';
import { clusterSection } from './sections/cluster.ts';
import { healthSection } from './sections/health.ts';
import { httpSection } from './sections/http.ts';
import { limitsSection } from './sections/limits.ts';
import { loglevel, logSection } from './sections/log.ts';
import { accessSection } from './sections/access.ts';
import { prewarmSection } from './sections/prewarm.ts';
import { proxySection } from './sections/proxy.ts';
import { redisSection } from './sections/redis.ts';
import { storageSection } from './sections/storage.ts';
import { upstreamsSection } from './sections/upstreams.ts';
import { webhooksSection } from './sections/webhooks.ts';
import { workerSection } from './sections/worker.ts';
import { unsupportedKeys } from './source/unsupported-keys.ts';
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
    'Asks no upstream for anything: what is cached is served, however old, and the rest refused. Can be changed while the cache runs.',
  ).prefault('false'),
} as const;

export const keyTree = buildKeyTree(rootShape, unsupportedKeys);

// An admin server of a cache that holds nothing: a test gives the parts that it asks for.
import type { Decisions, Images, Nodes, Prewarm, Upkeep } from '@cistern/operations';
import { loadConfig } from '@cistern/config';
import { createLogger } from '@cistern/telemetry';
import type { AdminServerOptions } from '../build-admin-server.ts';

export const optionsOfTest: AdminServerOptions = {
  version: '1.2.3',
  parts: {},
  nodes: {} as Nodes,
  prewarm: {} as Prewarm,
  upkeep: {} as Upkeep,
  decisions: {} as Decisions,
  images: {} as Images,
  registry: loadConfig({ env: {}, defaults: { rootDirectory: '/' } }),
  audit: { action() {}, list: async () => ({ entries: [], before: null }) },
  access: 'everything',
  log: createLogger({ level: 'error', formatter: 'json' }),
};

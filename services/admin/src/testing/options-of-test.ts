// The options of an admin server with an empty cache. A test replaces the parts that it uses.
import type { Decisions, Images, Nodes, Prewarm, Upkeep } from '@cistern/operations';
import { loadConfig, openLiveConfig } from '@cistern/config';
import { createLogger } from '@cistern/telemetry';
import type { AdminServerOptions } from '../build-admin-server.ts';

export const optionsOfTest: AdminServerOptions = {
  version: '1.2.3',
  problems: { parts: [], look: async () => [] },
  nodes: {} as Nodes,
  prewarm: {} as Prewarm,
  upkeep: {} as Upkeep,
  decisions: {} as Decisions,
  images: {} as Images,
  registry: openLiveConfig(loadConfig({ env: {}, defaults: { rootDirectory: '/' } })).config,
  audit: { action() {}, list: async () => ({ entries: [], before: null }) },
  access: 'everything',
  log: createLogger({ level: 'error', formatter: 'json' }),
};

export { assembleAdmin } from './assemble-admin.ts';
export { assemble, assembleFrontend, assembleWorker } from './assemble.ts';
export type { FrontendAssembly, WorkerAssembly } from './assemble.ts';
export type { AssembleOptions } from './assemble-options.ts';
export { shareTokens } from './share-tokens.ts';
export type { ShareTokensOptions } from './share-tokens.ts';
export { rebuildIndexOf } from './rebuild-index-of.ts';
export type { RebuildProgress, RebuildResult } from '@cistern/pull-through';

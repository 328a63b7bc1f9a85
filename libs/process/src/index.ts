export { buildNode } from './build-node.ts';
export type { CacheNode, Listener, Listening, NodeOptions } from './build-node.ts';
export type { BoundAddress } from './listen.ts';
export { createHttpApp } from './create-http-app.ts';
export type { NodeContext } from './node-context.ts';
export { prepareDirectories } from './prepare-directories.ts';
export { within } from './within.ts';
export { startChecks } from './start-checks.ts';
export { StartError } from './start-error.ts';

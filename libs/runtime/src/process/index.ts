export { buildNode } from './build-node.ts';
export type { CacheNode, Listener, Listening } from './build-node.ts';
export { createHttpApp, createHttpServer, createLazyHttpApp, withoutSchemas } from './create-http-app.ts';
export type { BoundAddress, HttpApp, ListenAddress, TcpAddress } from './listen.ts';
export type { Environment, NodeContext, NodeReload, ReloadOutcome } from './node-context.ts';
export { startChecks } from './start-checks.ts';

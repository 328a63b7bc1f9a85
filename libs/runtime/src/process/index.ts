export { buildNode } from './build-node.ts';
export type { CacheNode, Listener, Listening, NodeWork } from './build-node.ts';
export { createHttpApp, createHttpServer, createLazyHttpApp, withoutSchemas } from './create-http-app.ts';
export type { BoundAddress, HttpApp, ListenAddress, TcpAddress } from './listen.ts';
export type { Environment, NodeContext, NodeReload, ReloadOutcome } from './node-context.ts';
export { openProblemBoard } from './problem-board.ts';
export type { Finding, Problem, ProblemBoard, ProblemBoardOptions } from './problem-board.ts';
export { openStoreCheck } from './open-store-check.ts';
export type { StoreCheck } from './open-store-check.ts';

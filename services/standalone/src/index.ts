export { buildStandalone } from './build-standalone.ts';
export type { Listening, Standalone, StandaloneOptions } from './build-standalone.ts';
export type { BoundAddress } from './listen.ts';
export { StartError } from './start-error.ts';

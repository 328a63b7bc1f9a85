export { fetchBlobs } from './fetch-blobs.ts';
export type { FetchBlobsDeps } from './fetch-blobs.ts';
export { createPrewarmHandlers } from './create-prewarm-handlers.ts';
export type { PrewarmDeps } from './create-prewarm-handlers.ts';
export { createPushes } from './create-pushes.ts';
export type { Pushes } from './create-pushes.ts';
export { startPlanner } from './start-planner.ts';
export { prewarmImage } from './prewarm-image.ts';
export type { PrewarmImageOptions, PrewarmedImage } from './prewarm-image.ts';

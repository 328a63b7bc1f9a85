export { bringBlobs } from './bring-blobs.ts';
export type { BringBlobsDeps } from './bring-blobs.ts';
export { createPrewarmHandlers } from './create-prewarm-handlers.ts';
export type { PrewarmDeps } from './create-prewarm-handlers.ts';
export { createPushes } from './create-pushes.ts';
export type { Pushes } from './create-pushes.ts';
export { prewarmImage } from './prewarm-image.ts';
export type { PrewarmImageOptions, PrewarmedImage } from './prewarm-image.ts';

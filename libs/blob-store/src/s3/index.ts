export { checkS3Bucket } from './check-s3-bucket.ts';
export { openS3Store } from './open-s3-store.ts';
export type { S3Store, S3StoreOptions } from './open-s3-store.ts';

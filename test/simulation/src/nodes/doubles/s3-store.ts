// Replaces `@cistern/blob-store/s3` if a world has another store.
import { type S3StoreOptions, openS3Store as openOwn } from '@cistern/blob-store/s3';
import { adapterDoubles } from '../adapter-doubles.ts';

export const openS3Store = async (options: S3StoreOptions) => adapterDoubles().openStore() ?? openOwn(options);

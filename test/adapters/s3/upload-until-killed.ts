// A process that is in the middle of a blob until it is killed. Gets the store's options and the digest as a message.
import { once } from 'node:events';
import { openS3Store } from '@cistern/blob-store/s3';

const [options] = await once(process, 'message');
const store = await openS3Store({ ...options, pathStyle: true, createBucket: false, log: console, now: Date.now });
const writer = await store.begin(options.digest);
await writer.append(Buffer.alloc(9 * 1024 * 1024));
// real-time: keeps the process alive until it is killed
setInterval(() => {}, 1000);

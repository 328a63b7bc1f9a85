// Runs an upload that never ends, until its process is killed. A message brings the store's options and the digest.
import { once } from 'node:events';
import { bodyOf } from '@cistern/blob-store';
import { openS3Store } from '@cistern/blob-store/s3';

const [options] = await once(process, 'message');
const store = await openS3Store({ ...options, pathStyle: true, createBucket: false, log: console, now: Date.now });
const segmentBytes = 5 * 1024 * 1024;
const upload = await store.beginUpload(options.digest, { size: 2 * segmentBytes, segmentBytes });
await upload.put(0, bodyOf(Buffer.alloc(segmentBytes)));
// real-time: keeps the process alive until it is killed
setInterval(() => {}, 1000);

// The process of `startGeneratingS3`. It reports its address, then answers each message with its counts.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rotatedBody } from '@cistern/fake-upstream';
import { createObjects } from './objects.ts';
import { type Counts, serveGeneratingS3 } from './serve-generating-s3.ts';
import type { GeneratedBlob } from './start-generating-s3.ts';

const blobs = JSON.parse(process.argv[2] ?? '') as readonly GeneratedBlob[];
const held = createObjects(new Map(blobs.map(({ digest, ...bytes }) => [digest.split(':')[1]!, rotatedBody(bytes)])));
const counts: Counts = { parts: 0, partBytes: 0, readBytes: 0, faults: [] };
const server = createServer({ noDelay: true, requestTimeout: 0, highWaterMark: 1024 * 1024 }, (request, response) => {
  // A reader that leaves or a killed worker is not a fault of the cache.
  serveGeneratingS3(held, counts, request, response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('message', () => process.send?.({ ...counts, uploads: held.uploads.size, objects: held.objects.size }));
process.once('disconnect', () => process.exit());
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);

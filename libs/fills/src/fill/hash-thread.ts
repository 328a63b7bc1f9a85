// The thread of a savable hash. An error ends this thread, and the main thread receives the error.
import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { hashReadBytes, loadHasher } from './savable-hash.ts';

export interface HashStart {
  readonly algorithm: string;
  readonly state: Uint8Array | undefined;
}

/** Requests the hash of bytes of a file, which must all be written, or the final digest. */
export type HashRequest = { readonly path: string; readonly position: number; readonly length: number } | 'digest';

/** The thread sends one answer per request. Before the first, it sends an empty answer when it is ready. */
export interface HashAnswer {
  readonly state?: Uint8Array;
  readonly hex?: string;
}

const { algorithm, state } = workerData as HashStart;
const hasher = await loadHasher(algorithm, state);
const buffer = Buffer.allocUnsafeSlow(hashReadBytes);

function hash({ path, position, length }: Exclude<HashRequest, 'digest'>): Uint8Array {
  const file = openSync(path, 'r');
  try {
    for (let done = 0; done < length;) {
      const read = readSync(file, buffer, 0, Math.min(buffer.length, length - done), position + done);
      if (read === 0) throw new Error('The spool file is shorter than expected.');
      hasher.update(buffer.subarray(0, read));
      done += read;
    }
  } finally {
    closeSync(file);
  }
  return hasher.save();
}

parentPort!.on('message', (request: HashRequest) => {
  const answer: HashAnswer = request === 'digest' ? { hex: hasher.digest('hex') } : { state: hash(request) };
  parentPort!.postMessage(answer);
});
parentPort!.postMessage({});

// A savable hash in a thread of its own, which reads the spool's files itself: they are in the page cache, and nothing is copied
// between threads. It ends with its fill.
import { Worker } from 'node:worker_threads';
import { digestAlgorithm } from '@cistern/oci';
import type { HashAnswer, HashRequest, HashStart } from './hash-thread.ts';
import type { OpenSavableHash } from './savable-hash.ts';

export const hashInThread: OpenSavableHash = async (digest, segments, state) => {
  const workerData: HashStart = { algorithm: digestAlgorithm(digest), state };
  // What this process was started with is not meant for it.
  const worker = new Worker(new URL('./hash-thread.ts', import.meta.url), { workerData, execArgv: [] });
  let answer = Promise.withResolvers<HashAnswer>();
  let failure: { readonly error: unknown } | undefined;

  const fail = (error: unknown) => {
    failure ??= { error };
    answer.reject(failure.error);
  };
  worker.on('message', (given: HashAnswer) => answer.resolve(given));
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the thread of a hash has ended')));

  const ask = async (request: HashRequest): Promise<HashAnswer> => {
    if (failure !== undefined) throw failure.error;
    answer = Promise.withResolvers();
    worker.postMessage(request);
    return answer.promise;
  };

  await answer.promise;
  return {
    async readOn(from, end) {
      const { state: behind } = await ask({ ...segments.locate(from), length: end - from });
      return behind!;
    },
    async digest() {
      const { hex } = await ask('digest');
      return hex!;
    },
    close() {
      void worker.terminate();
    },
  };
};

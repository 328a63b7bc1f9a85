// A savable hash in a thread of its own. The thread reads the spool's files itself: they are in the page cache, and nothing is
// copied between threads. It ends with its fill.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { digestAlgorithm } from '@cistern/oci';
import { untilAborted } from '@cistern/runtime';
import type { HashAnswer, HashRequest, HashStart } from './hash-thread.ts';
import type { OpenSavableHash } from './savable-hash.ts';

export const hashInThread: OpenSavableHash = async (digest, segments, state) => {
  const workerData: HashStart = { algorithm: digestAlgorithm(digest), state };
  // The options of this process are not meant for the thread.
  const worker = new Worker(new URL('./hash-thread.ts', import.meta.url), { workerData, execArgv: [] });
  const ended = new AbortController();
  worker.on('error', (error) => ended.abort(error));
  worker.on('exit', () => ended.abort(new Error('the hash thread has ended')));

  const answer = async (): Promise<HashAnswer> => {
    const [given] = await untilAborted(once(worker, 'message'), ended.signal);
    return given as HashAnswer;
  };
  const send = (request: HashRequest) => {
    worker.postMessage(request);
    return answer();
  };

  await answer();
  return {
    async readOn(from, end) {
      const { state: behind } = await send({ ...segments.locate(from), length: end - from });
      return behind!;
    },
    async digest() {
      const { hex } = await send('digest');
      return hex!;
    },
    close() {
      void worker.terminate();
    },
  };
};

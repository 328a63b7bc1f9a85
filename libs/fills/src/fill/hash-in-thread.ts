// A savable hash that runs in its own thread. The thread reads the spool's files itself, from the page cache, so that no bytes
// are copied between threads. The thread ends when the fill closes the hash.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { digestAlgorithm } from '@cistern/oci';
import { untilAborted } from '@cistern/runtime';
import type { HashAnswer, HashRequest, HashStart } from './hash-thread.ts';
import type { OpenSavableHash } from './savable-hash.ts';

export const hashInThread: OpenSavableHash = async (digest, segments, state) => {
  const workerData: HashStart = { algorithm: digestAlgorithm(digest), state };
  // The thread does not inherit the Node options of this process.
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

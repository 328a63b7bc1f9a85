// Starts the generating S3 server in a process of its own, so that it does not share one event loop with the upstream.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { S3 } from '@cistern/test-servers';
import type { Counts } from './serve-generating-s3.ts';

/** A blob with the bytes of `rotatedBody`. */
export interface GeneratedBlob {
  readonly digest: string;
  readonly size: number;
  readonly seed: number;
}

interface GeneratingCounts extends Counts {
  /** The number of uploads that were neither completed nor aborted. */
  readonly uploads: number;
  readonly objects: number;
}

export interface GeneratingS3 extends S3 {
  counts(): Promise<GeneratingCounts>;
}

/** The caller closes the server. */
export async function startGeneratingS3(blobs: readonly GeneratedBlob[]): Promise<GeneratingS3> {
  const program = new URL('generating-s3-process.ts', import.meta.url);
  const child = fork(program, [JSON.stringify(blobs)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const died = ended.then((): never => {
    throw new Error('the generating S3 server has died');
  });
  died.catch(() => {});
  const [endpoint] = (await Promise.race([once(child, 'message'), died])) as [string];
  return {
    endpoint,
    region: 'us-east-1',
    accessKey: 'key',
    secretKey: 'secret-key',
    controllable: false,
    stop: refuse,
    start: refuse,
    addAccount: refuse,
    setFull: refuse,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async counts() {
      const answered = once(child, 'message');
      child.send('counts');
      const [counts] = (await Promise.race([answered, died])) as [GeneratingCounts];
      return counts;
    },
    async close() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function refuse(): Promise<never> {
  throw new Error('The generating S3 server stores nothing and cannot be restarted.');
}

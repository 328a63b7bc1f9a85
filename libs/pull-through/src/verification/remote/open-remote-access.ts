// A frontend's way to have an upstream asked in a caller's name: over a connection to a worker, never by a job, since a
// job lies in Redis. Any worker will do; a job finds one that works.
import { randomBytes } from 'node:crypto';
import { CacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { silenceMs, type PeerTls, connectMs } from '@cistern/fills';
import type { AccessGrant } from '@cistern/upstream';
import type { AccessQuestion } from '../check-access.ts';
import type { Seal } from '@cistern/runtime';
import {
  type AccessAnswer,
  accessPath,
  answerName,
  type SealedQuestion,
  questionName,
  readAnswer,
  v1Authorization,
} from './access-protocol.ts';
import { Agent, buildConnector } from 'undici';

export interface RemoteAccessOptions {
  readonly queue: JobQueue;
  readonly seal: Seal;
  readonly clusterSecret: string;
  readonly tls: PeerTls | undefined;
  /** Milliseconds, on any clock. */
  readonly now: () => number;
}

/** So that all workers get their share. */
const keepWorkerMs = 30_000;
const findWorkerMs = 10_000;
const mostTries = 3;
/** A worker that had no way to an upstream is asked again after this time. */
const unconnectedMs = 10_000;
/** The worker's own deadlines for the upstream end sooner. */
const answerMs = 65_000;

export function openRemoteAccess({ queue, seal, clusterSecret, tls, now }: RemoteAccessOptions) {
  const authorization = v1Authorization(clusterSecret);
  const agent = openPeerAgent(tls);
  const unconnectedUntilMs = new Map<string, number>();
  let worker: { readonly address: Promise<string>; readonly untilMs: number } | undefined;

  /** Not one that had no way to an upstream a moment ago, unless there is no other. */
  function findWorker(): Promise<string> {
    if (worker !== undefined && now() < worker.untilMs) return worker.address;
    for (const [address, untilMs] of unconnectedUntilMs) if (untilMs <= now()) unconnectedUntilMs.delete(address);
    const triedBy = [...unconnectedUntilMs.keys()];
    const dedupKey = ['find-worker', ...triedBy].join(' ');
    const options = { dedupKey, class: 'interactive', timeoutMs: findWorkerMs, triedBy } as const;
    const found = queue.run('find-worker', { purpose: 'access' }, options).then(({ address }) => address);
    const current = { address: found, untilMs: now() + keepWorkerMs };
    worker = current;
    found.catch(() => forget(current.address));
    return found;
  }

  function forget(address: Promise<string>): void {
    if (worker?.address === address) worker = undefined;
  }

  /** `undefined`: that worker cannot be asked. */
  async function request(address: string, question: AccessQuestion): Promise<Partial<AccessAnswer> | undefined> {
    const nonce = randomBytes(16).toString('base64url');
    const body = seal.close(questionName, JSON.stringify({ ...question, nonce } satisfies SealedQuestion));
    try {
      const response = await agent.request({
        origin: address,
        path: accessPath,
        method: 'POST',
        headers: { authorization, 'content-type': 'text/plain' },
        body,
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
        signal: AbortSignal.timeout(answerMs),
      });
      const sealed = (await response.body.text()).trim();
      const text = response.statusCode === 200 ? seal.open(answerName(nonce), sealed) : undefined;
      return text === undefined ? undefined : (JSON.parse(text) as AccessAnswer);
    } catch {
      return undefined;
    }
  }

  return {
    check: async (question: AccessQuestion): Promise<AccessGrant> => {
      let last: Partial<AccessAnswer> | undefined;
      // After the first, each is one that has just done a job.
      for (let tries = 0; tries < (last === undefined ? 2 : mostTries); tries += 1) {
        const finding = findWorker();
        const address = await finding;
        const answer = await request(address, question);
        if (answer !== undefined && answer.error?.isLocal !== true) return readAnswer(answer);
        if (answer !== undefined) {
          last = answer;
          unconnectedUntilMs.set(address, now() + unconnectedMs);
        }
        forget(finding);
      }
      if (last !== undefined) return readAnswer(last);
      throw new CacheError('overloaded', 'No worker can be asked whether you may read this. Try again later.', {
        retryable: true,
      });
    },
    close: (): Promise<void> => agent.destroy(),
  };
}

/** Pooled for each worker. The caller closes it. */
function openPeerAgent(tls: PeerTls | undefined): Agent {
  return new Agent({
    connect: buildConnector({
      timeout: connectMs,
      keepAlive: true,
      keepAliveInitialDelay: 5_000,
      ...(tls?.ca !== undefined && { ca: tls.ca }),
      ...(tls?.certificate !== undefined && { cert: tls.certificate }),
      ...(tls?.key !== undefined && { key: tls.key }),
    }),
    pipelining: 1,
  });
}

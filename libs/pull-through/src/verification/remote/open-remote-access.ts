// Lets a frontend check a caller's access through a worker. The question goes over a connection, never in a job, because jobs
// are stored in Redis. Any worker can do the check, so a job finds one that is alive.
import { randomBytes } from 'node:crypto';
import { CacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { silenceMs, type PeerTls, connectMs } from '@cistern/fills';
import { type AccessGrant, loadUndici } from '@cistern/upstream';
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
import type { Agent } from 'undici';

export interface RemoteAccessOptions {
  readonly queue: JobQueue;
  readonly seal: Seal;
  readonly clusterSecret: string;
  readonly tls: PeerTls | undefined;
  /** Milliseconds since any fixed moment. Only differences are used. */
  readonly now: () => number;
}

/** How long one worker gets all checks of this frontend. It is limited, so that the checks are spread over all workers. */
const keepWorkerMs = 30_000;
const findWorkerMs = 10_000;
const mostTries = 3;
/** For this time a worker that could not connect to an upstream is chosen last. */
const unconnectedMs = 10_000;
/** How long the frontend waits for an answer. Longer than the worker's own timeouts for the upstream. */
const answerMs = 65_000;

export function openRemoteAccess({ queue, seal, clusterSecret, tls, now }: RemoteAccessOptions) {
  const authorization = v1Authorization(clusterSecret);
  const agent = openPeerAgent(tls);
  const unconnectedUntilMs = new Map<string, number>();
  let worker: { readonly address: Promise<string>; readonly untilMs: number } | undefined;

  /** Finds a worker. Workers that recently failed to connect to an upstream are chosen last. */
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

  /** Sends the question to a worker. Resolves to `undefined` if the worker is unavailable or sends no valid answer. */
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
      // The first address may be of a worker that has died. Later ones were found after the first had failed, by this check or
      // a concurrent one, so they are most likely alive.
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
      throw new CacheError('overloaded', 'No worker is available to check your access. Try again later.', {
        retryable: true,
      });
    },
    close: (): Promise<void> => agent.destroy(),
  };
}

/** Opens a connection pool for each worker. The caller closes it. */
function openPeerAgent(tls: PeerTls | undefined): Agent {
  const { Agent: AgentOf, buildConnector } = loadUndici();
  return new AgentOf({
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

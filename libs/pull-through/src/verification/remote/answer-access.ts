// The worker's part of the access protocol. It checks the access at the upstream with the caller's credentials, and does not
// store them.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isCacheError } from '@cistern/errors';
import { type AnswerFill, heartbeatMs } from '@cistern/fills';
import type { Seal } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';
import type { CheckAccess } from '../check-access.ts';
import {
  type AccessAnswer,
  accessPath,
  answerName,
  heartbeat,
  questionName,
  type SealedQuestion,
  toAnswer,
} from './access-protocol.ts';

/** Responds to any request of another node. It stops when the connection ends. */
export type AnswerPeer = (request: IncomingMessage, response: ServerResponse) => void;

export interface AnswerAccessOptions {
  readonly check: CheckAccess;
  readonly seal: Seal;
  readonly log: Logger;
}

/** Much more than a question needs, because credentials have a few KiB at most. */
const maxQuestionBytes = 64 * 1024;

/**
 * Creates the handler for the worker's HTTP server. Only nodes of this cluster can encrypt a question, so decryption
 * authenticates the node.
 */
export function createAnswerAccess({ check, seal, log }: AnswerAccessOptions): AnswerPeer {
  async function decide(question: SealedQuestion): Promise<AccessAnswer> {
    try {
      return { mayRead: true, ...(await check(question)) };
    } catch (error) {
      if (!isCacheError(error))
        log.error({ err: error, upstream: question.upstream }, 'failed to check client access at upstream');
      return toAnswer(error);
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (status: number) => void response.writeHead(status).end();
    if (request.method !== 'POST') return refuse(405);
    const sealed = await readBody(request);
    const text = sealed === undefined ? undefined : seal.open(questionName, sealed);
    if (text === undefined) return refuse(401);
    const question = JSON.parse(text) as SealedQuestion;
    response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
    const beating = setInterval(() => response.write(heartbeat), heartbeatMs);
    const decided = await decide(question).finally(() => clearInterval(beating));
    response.end(seal.close(answerName(question.nonce), JSON.stringify(decided)));
  }

  return (request, response) => {
    answer(request, response).catch(() => response.destroy());
  };
}

/** Resolves to `undefined` if the body is too long. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxQuestionBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Creates the handler for all requests of other nodes to a worker's server. Both handlers authenticate the node. */
export function createAnswerPeer(answers: {
  readonly answerFill: AnswerFill;
  readonly answerAccess: AnswerPeer;
}): AnswerPeer {
  return (request, response) =>
    request.url === accessPath ? answers.answerAccess(request, response) : answers.answerFill(request, response);
}

// A worker's side of the protocol: asks the upstream in the caller's name, and forgets.
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

/** Answers every request, and ends with the connection. */
export type AnswerPeer = (request: IncomingMessage, response: ServerResponse) => void;

export interface AnswerAccessOptions {
  readonly check: CheckAccess;
  readonly seal: Seal;
  readonly log: Logger;
}

/** Credentials are a few KiB at most. */
const maxQuestionBytes = 64 * 1024;

/** For the worker's HTTP server; answers every request. That a question opens shows that a node of this cluster asks. */
export function createAnswerAccess({ check, seal, log }: AnswerAccessOptions): AnswerPeer {
  async function decide(question: SealedQuestion): Promise<AccessAnswer> {
    try {
      return { mayRead: true, ...(await check(question)) };
    } catch (error) {
      if (!isCacheError(error))
        log.error(
          { err: error, upstream: question.upstream },
          'an upstream could not be asked in the name of a caller',
        );
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

/** `undefined`: too long. */
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

/** All that a worker's own server answers to other nodes of the cluster. Each of both checks the caller. */
export function createAnswerPeer(answers: {
  readonly answerFill: AnswerFill;
  readonly answerAccess: AnswerPeer;
}): AnswerPeer {
  return (request, response) =>
    request.url === accessPath ? answers.answerAccess(request, response) : answers.answerFill(request, response);
}

// All that a worker's own server answers to other nodes of the cluster, each of which checks who they are.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { accessPath } from './verification/remote/access-protocol.ts';
import type { AnswerFill } from '@cistern/fills';

/** Answers every request, and ends with the connection. */
export type AnswerPeer = (request: IncomingMessage, response: ServerResponse) => void;

export function createAnswerPeer(answers: {
  readonly answerFill: AnswerFill;
  readonly answerAccess: AnswerPeer;
}): AnswerPeer {
  return (request, response) =>
    request.url === accessPath ? answers.answerAccess(request, response) : answers.answerFill(request, response);
}

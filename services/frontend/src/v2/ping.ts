// GET and HEAD /v2/: whether this is a registry. It is one even while no upstream can be reached.
import type { FastifyReply } from 'fastify';
import { sendJson } from './send-json.ts';

const body = Buffer.from('{}');

export function answerPing(reply: FastifyReply): FastifyReply {
  return sendJson(reply, body);
}

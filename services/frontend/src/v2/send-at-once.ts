// Small bodies, header and body in one piece: two pieces cost the kernel more than the copy, and Fastify's way of sending as much
// as the rest of Node's.
import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';

/** A larger one is shared by those who are sent it, however slow they are: a copy for each would fill the memory. */
const smallBytes = 64 * 1024;

/** Sends the status and headers that `reply` has, `content-length` among them, and `bytes`. */
export function sendAtOnce(reply: FastifyReply, bytes: Buffer): FastifyReply {
  const { raw } = reply;
  reply.hijack();
  raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
  // Node puts a string behind the header and a Buffer beside it. Each byte is one character of latin1.
  if (bytes.length <= smallBytes) raw.end(bytes.toString('latin1'), 'latin1');
  else raw.end(bytes);
  return reply;
}

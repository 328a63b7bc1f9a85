// One request of a connection at a time, whatever its client has sent ahead (RFC 9112, 9.3.2). Node.js dispatches all at once,
// thousands of them at some 20 KiB apiece, and does not tell those behind the first when their client leaves.
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** No client of registries sends any ahead. */
const maxAhead = 32;
const lines = new WeakMap<Socket, (() => void)[]>();

/** Calls `begin` when all earlier requests of the connection are answered: at once, as a rule. */
export function takeTurns({ raw: { socket } }: FastifyRequest, reply: FastifyReply, begin: () => void): void {
  let line = lines.get(socket);
  if (line === undefined) lines.set(socket, (line = []));
  line.push(begin);
  if (line.length > 1 + maxAhead) return void socket.destroy();
  reply.raw.on('close', () => {
    line.shift();
    if (!socket.destroyed) line[0]?.();
  });
  if (line.length === 1) begin();
}

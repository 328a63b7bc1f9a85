// Responds to frontends that follow fills by protocol 1, while a cluster is upgraded. Their token is the same for all fills and
// workers, so they get no bytes here. They wait for the fill's end, and then find the blob in the store (decision 0066).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fill } from '../fill/fill-options.ts';
import { encodeFrame, frameTypes, heartbeatMs } from './fill-frames.ts';

export const v1Path = '/v1/fills/';

const followed = /^\/v1\/fills\/([\w-]{1,64})\?/;

/**
 * Sends heartbeats while the fill runs here, then `moved`. The frontend then reads the record again. After a 404 it would request
 * another worker. It sends a 404 for a fill that does not run here, and for the bytes that a successor would copy.
 */
export function createAnswerV1({ fills }: { readonly fills: { get(fillId: string): Fill | undefined } }) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const fillId = followed.exec(request.url ?? '')?.[1] ?? '';
    const fill = fills.get(fillId);
    if (fill === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.removeHeader('transfer-encoding');
    response.writeHead(200, { 'content-type': 'application/vnd.cistern.fill.v1', connection: 'close' });
    response.flushHeaders();
    const beating = setInterval(() => {
      if (fills.get(fillId) === fill) response.write(encodeFrame(frameTypes.heartbeat));
      else response.end(encodeFrame(frameTypes.moved));
    }, heartbeatMs);
    response.once('close', () => clearInterval(beating));
  };
}

// Responds to frontends of an older release, which follow fills by protocol 1 while a cluster is upgraded. Protocol 1 uses one
// token for all fills and workers, which is not secure enough, so these frontends get no bytes here. They wait until the fill has
// ended, and then find the blob in the store (decision 0066).
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fill } from '../fill/fill-options.ts';
import { encodeFrame, frameTypes, heartbeatMs } from './fill-frames.ts';

export const v1Path = '/v1/fills/';

const followed = /^\/v1\/fills\/([\w-]{1,64})\?/;

/**
 * Sends heartbeats while the fill runs here, and then `moved`, after which the frontend reads the record again. Responds with 404
 * if the fill does not run here, and also to a worker that wants to copy present bytes.
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

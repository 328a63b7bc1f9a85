// The worker's side of the fill protocol. It serves the bytes of its fills to the nodes of its cluster.
//   GET /v2/fills/<id>?from=N&to=M&verified=1   sends the bytes [N, M) in frames, as they arrive. See `FillRange`.
//   GET /v2/fills/<id>/present?from=N           sends the first present bytes from N on, in frames.
// The response headers of `present` contain the start and the end of the bytes. 404 means that the fill has ended, so its record has
// the outcome, or that it has no such bytes. 401 means that the secrets of the nodes differ, and 403 that their clocks do.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SourceReader } from '@cistern/streams';
import type { Fill } from '../fill/fill-options.ts';
import { createAnswerV1, v1Path } from './answer-v1.ts';
import { presentEndHeader, presentStartHeader, protocolPath } from './fill-frames.ts';
import type { PeerKeys } from './peer-keys.ts';
import { sendFrames } from './send-frames.ts';

interface AnswerFillOptions {
  readonly fills: { get(fillId: string): Fill | undefined };
  readonly keys: PeerKeys;
  /** The address of this worker in the records of its fills. */
  readonly address: string;
  /** The index's clock, which all nodes share. */
  readonly now: () => number;
  /** Called with the number of bytes sent to followers. */
  readonly onSent: (bytes: number) => void;
}

/** Handles requests of the worker's HTTP server. It responds to every request, and closes the connection after the response. */
export type AnswerFill = (request: IncomingMessage, response: ServerResponse) => void;

export function createAnswerFill({ fills, keys, address, now, onSent }: AnswerFillOptions): AnswerFill {
  const answerV1 = createAnswerV1({ fills });

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '/';
    if (path.startsWith(v1Path)) return answerV1(request, response);
    const checked = keys.check(request.headers.authorization, { address, path, nowMs: now() });
    if (checked === 'wrong')
      return refuse(
        response,
        401,
        'Only nodes with the secret of this cluster can read here, at the address of the fill. Check cluster.secretfile.',
      );
    if (checked === 'outdated') return refuse(response, 403, 'The clocks of these nodes are too far apart.');
    const url = new URL(path, 'http://worker');
    const [, fillId = '', part = 'bytes'] = pathPattern.exec(url.pathname) ?? [];
    const fill = fills.get(fillId);
    const from = numberOf(url, 'from');
    if (request.method !== 'GET' || fill === undefined || from === undefined)
      return refuse(response, 404, 'This worker has no such fill.');
    const send = (reader: SourceReader) => {
      // The frames themselves mark the end of the response. So chunked encoding is not necessary, and the connection ends with
      // the response (RFC 9112, 6.3).
      response.removeHeader('transfer-encoding');
      response.writeHead(200, { 'content-type': 'application/vnd.cistern.fill.v2', connection: 'close' });
      return sendFrames(response, reader, { ends: keys.ends(fill.digest, path), onSent });
    };
    if (part === 'bytes') {
      const reader = openBytes(fill, from, url);
      return reader === undefined ? refuse(response, 404, 'The fill has ended.') : send(reader);
    }
    const present = await fill.openPresent(from);
    if (present === undefined) return refuse(response, 404, 'The fill has no such bytes here.');
    response.setHeader(presentStartHeader, String(present.start));
    response.setHeader(presentEndHeader, String(present.endExclusive));
    return send(present.reader);
  };

  return (request, response) => {
    answer(request, response).catch(() => response.destroy());
  };
}

const pathPattern = new RegExp(`^${protocolPath}/([\\w-]{1,64})(?:/(present))?$`);

function openBytes(fill: Fill, from: number, url: URL): SourceReader | undefined {
  const toExclusive = numberOf(url, 'to');
  if (toExclusive === undefined) return undefined;
  return fill.open({ from, toExclusive, verified: url.searchParams.get('verified') === '1' });
}

function numberOf(url: URL, name: string): number | undefined {
  const text = url.searchParams.get(name);
  const value = Number(text);
  return text !== null && /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : undefined;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}

// The GETs of bodies that the `minio` client signs, over connections of our own. An answer that is a body to read is passed
// on as it is; every other one is parsed by Node, so that what a server says of a failure is understood as ever.
import { EventEmitter } from 'node:events';
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request as requestOver,
  validateHeaderValue,
} from 'node:http';
import { Duplex } from 'node:stream';
import { type BodyConnection, BodyError, type Diversion, type ResponseHead } from '@cistern/streams';
import { createBodyPool } from './body-pool.ts';
import {
  type S3Transport,
  type S3TransportOptions,
  S3TransportError,
  mishandledStatuses,
} from './create-s3-transport.ts';

/** What the client passes on for an `IncomingMessage`. Read to its end, or destroyed. */
export interface BodyResponse {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** As `BodyConnection.read`. */
  read(into: Uint8Array): Promise<number>;
  /** Breaks the connection off: not after the body's end. */
  destroy(): void;
}

type OnResponse = (response: IncomingMessage) => void;

export function createBodyTransport({ secure, timeoutMs, maxConnections, silence }: S3TransportOptions): S3Transport {
  const pool = createBodyPool({ secure, timeoutMs, maxConnections, onSilent: () => silence.suspect() });

  /** The client calls `on('error')` and `end()` of what it gets, and nothing else. */
  function request(options: RequestOptions, onResponse: OnResponse): ClientRequest {
    if (silence.isSilent()) throw new S3TransportError('SILENT', 'it has not answered for a while');
    const { host, port = secure ? 443 : 80 } = options;
    const text = formatGet(options);
    const sent = new EventEmitter();
    const onError = (error: Error) => void sent.emit('error', error);
    const send = (connection: BodyConnection) =>
      connection.request(text, {
        onHead: (head, soFar) => takeAnswer({ connection, head, soFar, onResponse, onError }),
        onError,
      });
    const end = () => pool.take({ host: host ?? 'localhost', port: Number(port) }, send, onError);
    return Object.assign(sent, { end }) as unknown as ClientRequest;
  }

  return {
    clientOptions: { transport: { request: request as typeof requestOver } },
    close: () => pool.close(),
  };
}

interface Answer {
  readonly connection: BodyConnection;
  readonly head: ResponseHead;
  readonly soFar: Buffer;
  readonly onResponse: OnResponse;
  readonly onError: (error: Error) => void;
}

function takeAnswer({ connection, head, soFar, onResponse, onError }: Answer): Diversion | undefined {
  const { statusCode, headers } = head;
  if (mishandledStatuses.has(statusCode)) {
    const error = new S3TransportError(`HTTP ${statusCode}`, `the server answered ${statusCode}`);
    onError(error);
    connection.destroy(error);
    return ignored;
  }
  if ((statusCode !== 200 && statusCode !== 206) || head.length === undefined)
    return parseByNode(soFar, onResponse, onError, (error) => connection.destroy(error));
  const response: BodyResponse = {
    statusCode,
    headers,
    read: connection.read,
    destroy: () => connection.destroy(new Error('the body is not wanted any more')),
  };
  onResponse(response as unknown as IncomingMessage);
  return undefined;
}

const ignored: Diversion = { onBytes() {}, onEnd() {} };

/** As if Node's client had sent the request, over a connection that gives what came and comes of the answer. */
function parseByNode(
  soFar: Buffer,
  onResponse: OnResponse,
  onError: (error: Error) => void,
  onDone: (error: Error) => void,
): Diversion {
  const replay = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const sent = requestOver({ createConnection: () => replay }, (response) => {
    response.once('close', () => onDone(new Error('the answer has been read')));
    onResponse(response);
  });
  sent.on('error', onError).end();
  replay.push(soFar);
  return {
    onBytes: (bytes) => void replay.push(bytes),
    onEnd(error) {
      if (error instanceof BodyError || error instanceof S3TransportError) replay.destroy(error);
      else replay.push(null);
    },
  };
}

function formatGet({ path, headers = {} }: RequestOptions): string {
  if (!/^[\x21-\x7e]+$/.test(path ?? ''))
    throw new TypeError('The path of a request holds characters that have to be escaped.');
  const lines = Object.entries(headers as Readonly<Record<string, string>>).map(([name, value]) => {
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

// Sends the GET requests that `minio` signs, over our own connections. A response with status 200 or 206 and a length
// becomes a `BodyResponse`. Node parses every other response, because `minio` expects its errors as Node responses.
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

/**
 * The response that `minio` passes to our reader instead of an `IncomingMessage`. The reader must read the body to its
 * end or destroy the response.
 */
export interface BodyResponse {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** Reads like `BodyConnection.read`. */
  read(into: Uint8Array): Promise<number>;
  /**
   * Closes the connection. Not allowed after the end of the body, because the connection may then serve another reader.
   */
  destroy(): void;
}

type OnResponse = (response: IncomingMessage) => void;

export function createBodyTransport({ secure, timeoutMs, maxConnections, silence }: S3TransportOptions): S3Transport {
  const pool = createBodyPool({ secure, timeoutMs, maxConnections, onSilent: () => silence.suspect() });

  /**
   * Returns an emitter instead of a whole `ClientRequest`, because `minio` calls only its `on('error')` and `end()`.
   */
  function request(options: RequestOptions, onResponse: OnResponse): ClientRequest {
    if (silence.isSilent()) throw new S3TransportError('SILENT', 'the S3 server has not responded recently');
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
    const error = new S3TransportError(`HTTP ${statusCode}`, `the S3 server responded with ${statusCode}`);
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
    destroy: () => connection.destroy(new Error('the body is no longer needed')),
  };
  onResponse(response as unknown as IncomingMessage);
  return undefined;
}

const ignored: Diversion = { onBytes() {}, onEnd() {} };

/**
 * Lets Node parse a response as if Node had sent the request. Node reads from a stream that gets the bytes received so
 * far, and later ones when they arrive.
 */
function parseByNode(
  soFar: Buffer,
  onResponse: OnResponse,
  onError: (error: Error) => void,
  onDone: (error: Error) => void,
): Diversion {
  const replay = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  const sent = requestOver({ createConnection: () => replay }, (response) => {
    response.once('close', () => onDone(new Error('the response has been read')));
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
    throw new TypeError('The path of a request contains characters that must be escaped.');
  const lines = Object.entries(headers as Readonly<Record<string, string>>).map(([name, value]) => {
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

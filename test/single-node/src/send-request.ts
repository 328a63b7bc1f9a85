// Sends HTTP requests exactly as given. Redirects are not followed, bodies are not decoded and paths are not
// normalized. Reports whether a response was complete.
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request as requestByHttp } from 'node:http';
import { request as requestByHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The local address of the connection, because a machine can have several addresses. */
  readonly localAddress?: string;
  /** The TLS options for an `https:` URL, such as CA certificates and a client certificate. */
  readonly tls?: ConnectionOptions;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** False if the connection closed before the promised length arrived. */
  readonly complete: boolean;
}

/** A response whose headers have arrived and whose body is still arriving. */
export interface Download {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Returns the bytes of the body that have arrived so far. */
  received(): Buffer;
  /** Resolves when this number of bytes of the body has arrived. Rejects if the response ends earlier. */
  untilReceived(bytes: number): Promise<void>;
  /** Resolves when the response has ended, complete or not. */
  readonly ended: Promise<Answer>;
  /** Stops reading the body until `resume` is called. */
  pause(): void;
  resume(): void;
  /** Closes the connection. */
  leave(): void;
}

/**
 * Sends a request on a new connection. Resolves when the headers have arrived. Rejects if the connection closes
 * earlier.
 */
export async function beginDownload(url: string, options: RequestOptions = {}): Promise<Download> {
  const { method = 'GET', headers = {}, tls = {}, ...from } = options;
  const { origin, protocol, hostname, port } = new URL(url);
  const request = protocol === 'https:' ? requestByHttps : requestByHttp;
  const to = { host: hostname, port, path: url.slice(origin.length) };
  const sent = request({ ...to, ...from, ...tls, method, headers, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response').catch((error: Error) => {
    error.message = `${method} ${url}: ${error.message}`;
    throw error;
  })) as [IncomingMessage];
  const { statusCode: status = 0 } = response;
  const chunks: Buffer[] = [];
  let size = 0;
  let isOver = false;
  const watchers = new Set<() => void>();
  const notify = () => {
    for (const check of watchers) check();
  };
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    notify();
  });
  // `complete` reports the failure. Without this listener the error would end the process of the test.
  response.on('error', () => {});
  const received = () => Buffer.concat(chunks);
  const ended = new Promise<Answer>((resolve) => {
    response.once('close', () => {
      isOver = true;
      notify();
      resolve({ status, headers: response.headers, body: received(), complete: response.complete });
    });
  });
  return {
    status,
    headers: response.headers,
    received,
    ended,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    leave: () => void response.destroy(),
    untilReceived: (bytes) =>
      new Promise((resolve, reject) => {
        const check = () => {
          if (size < bytes && !isOver) return;
          watchers.delete(check);
          if (size >= bytes) resolve();
          else reject(new Error(`the response ended after ${size} bytes, ${bytes} were expected`));
        };
        watchers.add(check);
        check();
      }),
  };
}

export async function sendRequest(url: string, options: RequestOptions = {}): Promise<Answer> {
  return (await beginDownload(url, options)).ended;
}

export interface OciError {
  readonly code: string;
  readonly message: string;
}

/**
 * Returns the errors of a response in the shape of the OCI distribution specification, section "Error Codes". Throws
 * for another shape.
 */
export function errorsOf({ body }: Answer): readonly OciError[] {
  const { errors } = JSON.parse(body.toString()) as { errors: OciError[] };
  if (!Array.isArray(errors)) throw new TypeError(`no OCI error: ${body.toString()}`);
  return errors;
}

// HTTP as it is on the wire: no redirects, no decoding, no cleaned-up paths, and how an answer ended.
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request as requestByHttp } from 'node:http';
import { request as requestByHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where the connection comes from, on a machine that has several addresses. */
  readonly localAddress?: string;
  /** Of an `https:` URL: whom to trust, what to show. */
  readonly tls?: ConnectionOptions;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** False when the connection went before the promised length had come. */
  readonly complete: boolean;
}

/** An answer whose headers have come and whose body is coming. */
export interface Download {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Body bytes so far. */
  received(): Buffer;
  /** Resolves once that many body bytes have come; rejects if the answer ends before. */
  untilReceived(bytes: number): Promise<void>;
  /** Resolves when the answer has ended, whole or not. */
  readonly ended: Promise<Answer>;
  /** The client reads no more, until it does. */
  pause(): void;
  resume(): void;
  /** The client leaves. */
  leave(): void;
}

/** Every request has a connection of its own. Rejects if that goes before the headers have come. */
export async function beginDownload(url: string, options: RequestOptions = {}): Promise<Download> {
  const { method = 'GET', headers = {}, tls = {}, ...from } = options;
  const { origin, protocol, hostname, port } = new URL(url);
  const request = protocol === 'https:' ? requestByHttps : requestByHttp;
  const to = { host: hostname, port, path: url.slice(origin.length) };
  const sent = request({ ...to, ...from, ...tls, method, headers, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
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
  // `complete` tells; without a listener the error would end the test's process.
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
          else reject(new Error(`the answer ended after ${size} bytes, ${bytes} were waited for`));
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

/** The errors of an answer in the shape of the OCI distribution specification, "Error Codes". Throws for another shape. */
export function errorsOf({ body }: Answer): readonly OciError[] {
  const { errors } = JSON.parse(body.toString()) as { errors: OciError[] };
  if (!Array.isArray(errors)) throw new TypeError(`no OCI error: ${body.toString()}`);
  return errors;
}

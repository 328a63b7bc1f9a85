// A client for this package's own tests that hides nothing: it follows no redirects and decodes nothing. A broken body
// is a value.
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { once } from 'node:events';

export interface ExchangeOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Exchanged {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The received bytes, complete or not. */
  readonly body: Buffer;
  /** The code of the error that ended the body early. */
  readonly broken?: string;
}

/**
 * Sends a request on a connection of its own and resolves with the headers of the response. Rejects if no response
 * arrives.
 */
export async function openExchange(url: string, options: ExchangeOptions = {}): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body } = options;
  const sent = request(url, { method, headers, agent: new Agent() });
  // If the connection breaks after the headers, the body reports it.
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

export async function exchange(url: string, options: ExchangeOptions = {}): Promise<Exchanged> {
  const response = await openExchange(url, options);
  const chunks: Buffer[] = [];
  const common = { status: response.statusCode ?? 0, headers: response.headers };
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { ...common, body: Buffer.concat(chunks) };
  } catch (error) {
    return { ...common, body: Buffer.concat(chunks), broken: (error as NodeJS.ErrnoException).code ?? String(error) };
  }
}

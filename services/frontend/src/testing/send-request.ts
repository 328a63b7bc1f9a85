// Sends one HTTP request and returns the response unchanged: no redirects and no decoding.
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** False if the connection ended before the announced length. */
  readonly complete: boolean;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
}

export async function sendRequest(url: string, options: RequestOptions = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, agent = new Agent({ keepAlive: false }) } = options;
  const { origin, hostname, port } = new URL(url);
  // The path is cut from the text, because `URL` would resolve its dots.
  const sent = request({ host: hostname, port, path: url.slice(origin.length), method, headers, agent });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('error', () => {});
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
  });
  const { statusCode: status = 0, complete } = response;
  return { status, headers: response.headers, body: Buffer.concat(chunks), complete };
}

export interface OciErrors {
  readonly errors: readonly { readonly code: string; readonly message: string; readonly detail?: unknown }[];
}

export function errorsOf({ body }: Answer): OciErrors['errors'] {
  return (JSON.parse(body.toString()) as OciErrors).errors;
}

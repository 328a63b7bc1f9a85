// Sends raw requests. An HTTP library would normalize the path, and hide bytes that follow a response on the
// connection.
import { connect } from 'node:net';
import type { Answer } from './send-request.ts';

/** Sends a GET with exactly this request target, on a new connection. Rejects if the response is not HTTP. */
export async function sendRaw(
  port: number,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const lines = Object.entries({ host: 'cache.test', connection: 'close', ...headers }).map((pair) => pair.join(': '));
  const received = await exchange(port, [`GET ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
  const headEnd = received.indexOf('\r\n\r\n');
  const [statusLine = '', ...fields] = received.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
  if (headEnd === -1 || Number.isNaN(status))
    throw new Error(`no HTTP response: ${received.toString('latin1', 0, 200)}`);
  const body = received.subarray(headEnd + 4);
  const found = Object.fromEntries(fields.map((field) => field.toLowerCase().split(': ', 2) as [string, string]));
  return { status, headers: found, body, complete: Number(found['content-length'] ?? 0) === body.length };
}

/** Sends `text` as bytes. Resolves to all received bytes when the other side has closed the connection. */
export function exchange(port: number, text: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('close', () => resolve(Buffer.concat(chunks)));
    socket.write(text, 'latin1');
  });
}

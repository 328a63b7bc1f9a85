// Sends one GET and checks the response.
// real-time: a benchmark measures when the first byte arrives
import { createHash } from 'node:crypto';
import { Agent, get, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, get as getSecurely } from 'node:https';
import { acceptedTypes } from './wrk.ts';

export interface Pull {
  readonly url: string;
  /** Digest of the expected bytes. */
  readonly digest: string;
  readonly size: number;
  /** The client's own address. Default: any. */
  readonly localAddress?: string;
}

const mostRedirects = 3;
const agent = new Agent({ keepAlive: true });
/** Contenders have self-signed certificates. Only the bytes are checked. */
const secureAgent = new SecureAgent({ keepAlive: true, rejectUnauthorized: false });

function open(url: string, localAddress?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { headers: { accept: acceptedTypes }, localAddress };
    const sent = url.startsWith('https:')
      ? getSecurely(url, { agent: secureAgent, ...options }, resolve)
      : get(url, { agent, ...options }, resolve);
    sent.once('error', reject);
  });
}

/** Sends the request and follows redirects. */
async function follow(url: string, localAddress?: string): Promise<IncomingMessage> {
  for (let at = url, redirects = 0; ; redirects += 1) {
    const response = await open(at, localAddress);
    const { location } = response.headers;
    if (location === undefined || redirects === mostRedirects) return response;
    response.resume();
    at = new URL(location, at).href;
  }
}

/**
 * Follows redirects. Resolves to the time of the first byte, by `performance.now()`. Rejects if the status, the size
 * or, where checked, the digest is wrong.
 */
export async function pull({ url, digest, size, localAddress }: Pull, isChecked: boolean): Promise<number> {
  const response = await follow(url, localAddress);
  const hash = isChecked ? createHash(digest.slice(0, digest.indexOf(':'))) : undefined;
  let [bytes, firstByteAtMs] = [0, Number.NaN];
  response.on('data', (chunk: Buffer) => {
    if (bytes === 0) firstByteAtMs = performance.now();
    bytes += chunk.length;
    hash?.update(chunk);
  });
  await new Promise<void>((resolve, reject) => {
    response.once('end', resolve);
    response.once('close', () => reject(new Error(`the connection broke after ${bytes} bytes`)));
    response.once('error', reject);
  });
  if (response.statusCode !== 200) throw new Error(`got status ${response.statusCode}`);
  if (bytes !== size) throw new Error(`sent ${bytes} bytes, not ${size}`);
  if (hash !== undefined && !digest.endsWith(`:${hash.digest('hex')}`)) throw new Error('sent wrong bytes');
  return firstByteAtMs;
}

// Records the commands that a Redis receives, as its MONITOR prints them, and sends them again as fast as Redis answers.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Redis } from '@cistern/test-servers';

/** Returns the commands that clients send while `work` runs, each as the bytes of its request. */
export async function recordRequests({ port }: Redis, work: () => Promise<unknown>): Promise<Buffer[]> {
  const monitor = spawn('redis-cli', ['-p', String(port), 'MONITOR']);
  const chunks: Buffer[] = [];
  monitor.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(monitor.stdout, 'data');
  try {
    await work();
  } finally {
    monitor.kill();
  }
  return Buffer.concat(chunks).toString('latin1').split('\n').flatMap(toRequest);
}

/** Leaves out commands inside scripts, and commands that wait or change the connection. */
function toRequest(line: string): Buffer[] {
  const [, source = 'lua', text = ''] = /^[\d.]+ \[\d+ (\S+)\] (.*)$/.exec(line) ?? [];
  if (source === 'lua') return [];
  const words = [...text.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([quoted]) => unquote(quoted));
  if (/^(?:bzpopmin|info|monitor|hello|client)$/i.test(words[0] ?? '')) return [];
  const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
  return [Buffer.from(`*${words.length}\r\n${parts.join('')}`, 'latin1')];
}

function unquote(quoted: string): string {
  return quoted.slice(1, -1).replaceAll(/\\(x[\da-f]{2}|.)/g, (_, escaped: string) => {
    if (escaped.startsWith('x')) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b' }[escaped] ?? escaped;
  });
}

/** Sends `count` of the requests, in turn. Each connection sends the next when Redis has answered the last. */
export async function replayRequests(
  { port }: Redis,
  requests: readonly Buffer[],
  { connections, count }: { readonly connections: number; readonly count: number },
): Promise<void> {
  let next = 0;
  async function send(): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    for (; next < count;) {
      socket.write(requests[next++ % requests.length]!);
      // The answers are small, so that each is one piece.
      await once(socket, 'data');
    }
    socket.end();
    await once(socket, 'close');
  }
  await Promise.all(Array.from({ length: connections }, send));
}

// `cistern healthcheck`: for containers, whose images have no curl.
import { request } from 'node:http';
import type { Config } from '@cistern/config';
import type { Command } from 'commander';
import { CommandError } from '../terminal/command-error.ts';
import { urlOf } from '../node/open-node.ts';
import { readConfig } from '../node/read-config.ts';
import type { Terminal } from '../terminal/terminal.ts';

const limitMs = 3000;

export function addHealthcheck(program: Command, terminal: Terminal): void {
  program
    .command('healthcheck')
    .argument('[file]', "the node's configuration; default: $REGISTRY_CONFIGURATION_PATH, else none")
    .option(
      '--url <url>',
      'of the node\'s health, instead of what http.debug.addr says; for example "http://127.0.0.1:5001"',
    )
    .description('Ask a node of this machine whether it is fit to serve: exit code 0 if it is, 1 if not')
    .action((file: string | undefined, { url }: { readonly url?: string }) => healthcheck(file, url, terminal));
}

async function healthcheck(file: string | undefined, url: string | undefined, terminal: Terminal): Promise<void> {
  const target = readinessUrl(url ?? debugUrl(readConfig(file, terminal.env)));
  const { status, body } = await get(target).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`Not ready: ${target.href} cannot be asked (${error.code ?? error.message}).`);
  });
  if (status !== 200) throw new CommandError(`Not ready: ${describe(body) ?? `${target.href} answered ${status}`}.`);
  terminal.stdout.write('ready\n');
}

function debugUrl({ http: { debug } }: Config): string {
  if (debug.address === undefined)
    throw new CommandError('The node has no health to ask for: set http.debug.addr, for example to ":5001".');
  return urlOf({ ...debug.address, host: debug.address.host ?? '::', scheme: 'http' });
}

function readinessUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:') throw new CommandError(`${JSON.stringify(text)} is no URL that begins with http://.`);
  if (url.pathname === '/') url.pathname = '/readyz';
  return url;
}

function get(url: URL): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limitMs);
    const late = () => reject(new Error(`no answer within ${limitMs} ms`));
    signal.addEventListener('abort', late, { once: true });
    const sent = request(url, { agent: false, signal }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    sent.on('error', reject).end();
  });
}

/** `it drains`, or the parts that fail with their reasons; `undefined`: the answer is not ours. */
function describe(body: string): string | undefined {
  try {
    const { draining, failing } = JSON.parse(body) as { draining: boolean; failing: Record<string, string> };
    const parts = Object.entries(failing).map(([part, reason]) => `${part}: ${reason.replace(/\.$/, '')}`);
    return [...(draining ? ['it is ending'] : []), ...parts].join('; ');
  } catch {
    return undefined;
  }
}

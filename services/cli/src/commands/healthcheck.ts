// `cistern healthcheck` tests whether a node is ready or only alive. It is for containers, because the image of Cistern has
// no curl.
import { request } from 'node:http';
import type { Config } from '@cistern/config';
import type { Command } from 'commander';
import { CommandError } from '../terminal/command-error.ts';
import { urlOf } from '../node/open-node.ts';
import { readConfig } from '../node/read-config.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

const limitMs = 3000;

export function addHealthcheck(program: Command, terminal: Terminal): void {
  addJson(program.command('healthcheck'))
    .argument('[file]', 'configuration file of the node; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option(
      '--url <url>',
      'URL of the health endpoint, instead of http.debug.addr; for example "http://127.0.0.1:5001"',
    )
    .option('--live', 'test only whether the process responds; it may not be ready, for example without its store')
    .description('Test whether a node on this machine is ready. Exits 0 if it is, 1 if not')
    .action((file: string | undefined, options: Options) => healthcheck(file, options, terminal));
}

interface Options extends JsonOptions {
  readonly url?: string;
  readonly live?: true;
}

async function healthcheck(file: string | undefined, { url, live, json }: Options, terminal: Terminal): Promise<void> {
  const state = live ? 'live' : 'ready';
  const target = healthUrl(url ?? debugUrl(readConfig(file, terminal.env)), live ? '/healthz' : '/readyz');
  const reason = await whyNot(target);
  if (reason === undefined || json === true)
    printAnswer(terminal, { json }, { [state]: reason === undefined, reason: reason ?? null }, () => `${state}\n`);
  if (reason !== undefined) throw new CommandError(`Not ${state}: ${reason}.`);
}

/** Resolves to the reason why a node is not ready or not live, or to `undefined` if it is. */
async function whyNot(target: URL): Promise<string | undefined> {
  try {
    const { status, body } = await get(target);
    return status === 200 ? undefined : (describe(body) ?? `${target.href} returned ${status}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return `${target.href} is unreachable (${code ?? message})`;
  }
}

function debugUrl({ http: { debug } }: Config): string {
  if (debug.address === undefined)
    throw new CommandError('The node has no health endpoint. Set http.debug.addr, for example to ":5001".');
  return urlOf({ ...debug.address, host: debug.address.host ?? '::', scheme: 'http' });
}

/** `path` is used if the URL `text` has none. */
function healthUrl(text: string, path: string): URL {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:')
    throw new CommandError(`${JSON.stringify(text)} is not a valid URL. Write one that begins with http://.`);
  if (url.pathname === '/') url.pathname = path;
  return url;
}

function get(url: URL): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(limitMs);
    const late = () => reject(new Error(`no response within ${limitMs} ms`));
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

/**
 * Returns why a node is not ready: it is shutting down, or some of its parts fail. Returns `undefined` if `body` is not
 * the response of a node.
 */
function describe(body: string): string | undefined {
  try {
    const { draining, failing } = JSON.parse(body) as { draining: boolean; failing: Record<string, string> };
    const parts = Object.entries(failing).map(([part, reason]) => `${part}: ${reason.replace(/\.$/, '')}`);
    return [...(draining ? ['the node is shutting down'] : []), ...parts].join('; ');
  } catch {
    return undefined;
  }
}

// Fills the shipped configuration of haproxy with the addresses of a test, so that tests cover the real file.
import { readFile } from 'node:fs/promises';

/** A frontend on 127.0.0.1. */
export interface BalancedFrontend {
  readonly port: number;
  /** The port of `/readyz`. */
  readonly debugPort: number;
}

/**
 * The source address of haproxy's connections to frontends. No other client of a test uses this address, so frontends
 * can trust exactly haproxy.
 */
export const haproxyAddress = '127.0.0.2';

export interface HaproxySettings {
  readonly port: number;
  readonly statisticsPort: number;
  readonly frontends: readonly BalancedFrontend[];
  /** The version of the PROXY protocol to the frontends. `undefined` disables it. */
  readonly proxyProtocol: 1 | 2 | undefined;
  /** The network namespace of the frontends. `undefined` means the namespace of this process. */
  readonly namespace: string | undefined;
}

const shipped = new URL('../../../../infra/haproxy/haproxy.cfg', import.meta.url);

export async function haproxyConfiguration(settings: HaproxySettings): Promise<string> {
  const { port, statisticsPort, frontends, proxyProtocol, namespace } = settings;
  const where = `source ${haproxyAddress}${namespace === undefined ? '' : ` namespace ${namespace}`}`;
  const servers = frontends.map(
    (frontend, index) =>
      `    server frontend-${index + 1} 127.0.0.1:${frontend.port} port ${frontend.debugPort} ${where}`,
  );
  const header = { 1: ' send-proxy', 2: ' send-proxy-v2', none: '' }[proxyProtocol ?? 'none'];
  let text = await readFile(shipped, 'utf8');
  text = replaceEach(text, /^ {4}bind :5000$/gm, `    bind 127.0.0.1:${port}`, 1);
  text = replaceEach(text, /^ {4}bind :8404$/gm, `    bind 127.0.0.1:${statisticsPort}`, 1);
  text = replaceEach(text, / send-proxy-v2$/gm, header, 2);
  return replaceEach(text, /^ {4}server-template .*$/gm, servers.join('\n'), 2);
}

function replaceEach(text: string, pattern: RegExp, replacement: string, times: number): string {
  const found = text.match(pattern)?.length ?? 0;
  if (found !== times) throw new Error(`haproxy.cfg has ${found} lines like ${pattern.source}, not ${times}.`);
  return text.replace(pattern, replacement);
}

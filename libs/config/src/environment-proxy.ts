// registry:2 reaches its upstream through the proxy that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name, as Go programs
// do (golang.org/x/net/http/httpproxy); a container that was started with them must go on working.
import { BlockList, isIP } from 'node:net';
import { parseProxyUrl } from './addresses.ts';
import type { Environment } from './environment.ts';
import { createSecret, type Secret } from './secrets.ts';

/** The proxy for `url`, or `undefined`: none is named, or the host is exempt (loopback always is). */
export function proxyFromEnvironment(url: string, env: Environment): Secret | undefined {
  const target = URL.parse(url);
  if (target === null) return undefined;
  const name = target.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = env[name] || env[name.toLowerCase()];
  if (!proxy || isExempt(target, env['NO_PROXY'] || env['no_proxy'] || '')) return undefined;
  try {
    return createSecret(parseProxyUrl(proxy.includes('://') ? proxy : `http://${proxy}`));
  } catch {
    return undefined;
  }
}

function isExempt(target: URL, noProxy: string): boolean {
  const host = target.hostname.replaceAll(/[[\]]/g, '').toLowerCase();
  if (host === 'localhost' || host === '::1' || host.startsWith('127.')) return true;
  const port = target.port || (target.protocol === 'https:' ? '443' : '80');
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry === '*' || matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '') return false;
  if (isIP(host) !== 0) return entry === host || entry === `${host}:${port}` || inNetwork(entry, host);
  const [name = '', entryPort = port] = entry.replace(/^\*/, '').split(':');
  if (entryPort !== port) return false;
  return name.startsWith('.') ? host.endsWith(name) : host === name || host.endsWith(`.${name}`);
}

function inNetwork(entry: string, host: string): boolean {
  const [address = '', length] = entry.split('/');
  const version = isIP(address);
  if (length === undefined || version === 0 || !/^\d+$/.test(length) || Number(length) > (version === 4 ? 32 : 128))
    return false;
  const networks = new BlockList();
  const family = version === 4 ? 'ipv4' : 'ipv6';
  networks.addSubnet(address, Number(length), family);
  return networks.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6');
}

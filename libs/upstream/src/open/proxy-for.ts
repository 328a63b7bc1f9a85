// The customary proxy variables, as curl, Go and registry:2 read them.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { ProxyTarget } from '../upstream-settings.ts';

/**
 * The proxy for a URL by `HTTPS_PROXY` or `HTTP_PROXY` (by the URL's scheme) and `NO_PROXY`; lower-case names win.
 * `NO_PROXY` lists `*`, hosts (with their subdomains; a leading `.` or `*.` leaves the host itself out), addresses and
 * CIDR ranges, each host or address optionally with a port. Loopback is never proxied. Throws a TypeError for a proxy
 * that is no URL.
 */
export function proxyFor(url: URL, environment: Readonly<Record<string, string | undefined>>): ProxyTarget | undefined {
  const read = (name: string): string => environment[name.toLowerCase()] || environment[name] || '';
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = read(name).trim();
  if (proxy === '' || isExempt(url, read('NO_PROXY'))) return undefined;
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  if (!URL.canParse(withScheme)) throw new TypeError(`${name} is not a URL.`);
  return { url: withScheme };
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replaceAll(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || (isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback')) return true;
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (ipaddr.isValidCIDR(entry)) return isInRange(host, entry);
  const [, bracketed, plain, wantedPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const wanted = bracketed ?? plain ?? entry;
  if (isIP(host) !== 0)
    return isIP(wanted) !== 0 && ipaddr.process(wanted).toString() === ipaddr.process(host).toString();
  if (wanted.startsWith('*.') || wanted.startsWith('.')) return host.endsWith(wanted.replace('*', ''));
  return host === wanted || host.endsWith(`.${wanted}`);
}

function isInRange(host: string, range: string): boolean {
  if (isIP(host) === 0) return false;
  const address = ipaddr.process(host);
  const [network, bits] = ipaddr.parseCIDR(range);
  return address.kind() === network.kind() && address.match(network, bits);
}

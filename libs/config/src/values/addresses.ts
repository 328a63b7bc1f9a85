// Parses addresses, URLs and networks. The errors are shown after the key that has the value, as `<key>: <message>`.
import { isIP } from 'node:net';
import type { TcpAddress } from '@cistern/runtime/process';

/** Parses `:5000`, `localhost:5000` or `[::1]:5000`. Throws an Error whose message is shown after the key. */
export function parseTcpAddress(text: string): TcpAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]@/\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const literal = match?.[1];
  if (match === null || port > 65_535 || (literal !== undefined && isIP(literal.split('%')[0] ?? '') !== 6))
    throw new Error(`"${text}" is not an address: write host:port or :port, for example :5000 or [::1]:5000`);
  return { kind: 'tcp', host: literal ?? (match[2] === '' ? undefined : match[2]), port };
}

/**
 * Parses the address of a server: `redis:6379`, `[::1]:6379`, or a host alone, which gets `defaultPort`. Throws an
 * Error whose message is shown after the key.
 */
export function parseServerAddress(
  text: string,
  defaultPort: number,
): { readonly host: string; readonly port: number } {
  const hasPort = /:\d+$/.test(text.replace(/^\[[^\]]*\]/, ''));
  const { host, port } = parseTcpAddress(hasPort ? text : `${text}:${defaultPort}`);
  if (host === undefined || port === 0)
    throw new Error(`"${text}" is not the address of a server: write host:port, for example 127.0.0.1:${defaultPort}`);
  return { host, port };
}

/** Parses `10.0.0.0/8` or a single address into CIDR notation. Throws an Error whose message is shown after the key. */
export function parseNetwork(text: string): string {
  const [, address = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const maxLength = version === 4 ? 32 : 128;
  if (version === 0 || (length !== undefined && Number(length) > maxLength))
    throw new Error(`"${text}" is not a network: write an address or a prefix, for example 10.0.0.0/8 or fd00::/8`);
  return `${address}/${length ?? maxLength}`;
}

/** Returns the URL of a registry without a trailing slash. Throws an Error whose message is shown after the key. */
export function parseRegistryUrl(text: string): string {
  const url = parseHttpUrl(text);
  if (url.username !== '' || url.password !== '')
    throw new Error('must not contain credentials: set username, and password or passwordfile');
  if (url.search !== '' || url.hash !== '') throw new Error('must not have a query or a fragment');
  return url.href.replace(/\/+$/, '');
}

/**
 * Returns the URL of a server without a trailing slash. The URL must have no path. Throws an Error whose message is
 * shown after the key.
 */
export function parseServerUrl(text: string): string {
  const { username, password, origin, pathname, search, hash } = parseHttpUrl(text);
  if (username !== '' || password !== '') throw new Error('must not contain credentials: remove them');
  if (pathname !== '/' || search !== '' || hash !== '')
    throw new Error('must be a URL without a path, for example http://host:port');
  return origin;
}

/**
 * Returns the URL of a forward proxy, which may contain credentials. Throws an Error whose message is shown after the
 * key.
 */
export function parseProxyUrl(text: string): string {
  return parseHttpUrl(text).href;
}

// The error messages do not repeat the text, because it may contain a password.
function parseHttpUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text) || url.hostname === '')
    throw new Error('must be a URL that begins with https:// or http://');
  return url;
}

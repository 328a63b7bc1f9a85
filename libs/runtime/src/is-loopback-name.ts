// Names that lead to this machine and nowhere else. A listener without passwords answers to no others. A page of another
// site could let its own name point here and have a browser read.
import { isIP } from 'node:net';

/** `hostname` is a `Host` without its port, or that of a configured listener. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[|\]$/g, '');
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    (isIP(name) === 4 && name.startsWith('127.'))
  );
}

// Names that always lead to this machine. A listener without passwords accepts only these. Otherwise a page of another
// site could point its own name to this machine and read responses in a browser.
import { isIP } from 'node:net';

/** `hostname` is a `Host` header without its port, or the host of a configured listener. */
export function isLoopbackName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/^\[|\]$/g, '');
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::1' ||
    (isIP(name) === 4 && name.startsWith('127.'))
  );
}

// Recognizes the names that always mean this machine. A listener without passwords accepts only these names. Otherwise
// a page of another site could make its own name resolve to this machine, and read responses in a browser (DNS
// rebinding).
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

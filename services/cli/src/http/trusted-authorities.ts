// The CA certificates that commands trust: those of Node, those of this machine, and a further one of the user.
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { CommandError } from '../terminal/command-error.ts';

/**
 * Returns certificates in PEM. The store of this machine includes the files that `SSL_CERT_FILE` and `SSL_CERT_DIR`
 * name. `ca` is the text of a PEM file.
 */
export function trustedAuthorities(ca: string | undefined): readonly string[] {
  return [...getCACertificates('default'), ...getCACertificates('system'), ...(ca === undefined ? [] : [ca])];
}

/** Reads the file of `--ca`. Throws `CommandError` if it cannot be read or contains no certificate. */
export function readAuthority(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new CommandError(`${path} contains no certificate in PEM. Pass the file of a CA to --ca.`);
  return text;
}

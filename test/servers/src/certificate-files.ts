// Writes files for one test: the certificate of a new CA, a server certificate that this CA issued, and its key.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeAuthority } from '@cistern/tls/testing/make-authority';

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

interface CertificateOptions {
  /** The names in the server certificate. Default: 127.0.0.1 and localhost. */
  readonly names?: readonly string[];
  /** The first day of validity, as in `TestAuthority.issue`. */
  readonly from?: string;
}

export async function makeCertificateFiles(
  directory: string,
  { names = ['IP:127.0.0.1', 'DNS:localhost'], from }: CertificateOptions = {},
): Promise<CertificateFiles> {
  const authority = await makeAuthority();
  const { certificate, key } = await authority.issue(names, from);
  const file = (name: string) => join(directory, name);
  const [caFile, certFile, keyFile] = [file('ca.crt'), file('server.crt'), file('server.key')];
  await writeFile(caFile, authority.certificate);
  await writeFile(certFile, certificate);
  await writeFile(keyFile, key);
  return { caFile, certFile, keyFile };
}

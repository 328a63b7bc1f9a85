// Writes a certificate authority for one test, and a certificate that it issued for 127.0.0.1, into files.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeAuthority } from '@cistern/tls/testing/make-authority';

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

interface CertificateOptions {
  /** Default: the names of this machine on its loopback interface. */
  readonly names?: readonly string[];
  /** The start of validity, as in the authority's `issue`. */
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

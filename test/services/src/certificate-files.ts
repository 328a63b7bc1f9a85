// A certificate authority of one test, and a certificate of it for 127.0.0.1.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export async function makeCertificateFiles(directory: string): Promise<CertificateFiles> {
  const file = (name: string) => join(directory, name);
  const [caKey, caFile, keyFile, request] = [file('ca.key'), file('ca.crt'), file('server.key'), file('server.csr')];
  const [extensions, certFile] = [file('server.ext'), file('server.crt')];
  const authority = ['-x509', '-days', '2', '-subj', '/CN=test authority'];
  await run('openssl', ['req', ...newKey, ...authority, '-keyout', caKey, '-out', caFile]);
  await run('openssl', ['req', ...newKey, '-subj', '/CN=localhost', '-keyout', keyFile, '-out', request]);
  await writeFile(extensions, 'subjectAltName = IP:127.0.0.1, DNS:localhost\n');
  const signing = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', extensions];
  await run('openssl', ['x509', '-req', ...signing, '-in', request, '-out', certFile]);
  return { caFile, certFile, keyFile };
}

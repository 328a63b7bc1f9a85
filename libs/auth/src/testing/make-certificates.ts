// Creates certificates of a token server with openssl: a root, an intermediate CA, and a leaf.
import { execFile } from 'node:child_process';
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface TestCertificate {
  readonly name: string;
  readonly pem: string;
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
  /** Encoded as in `x5c`. */
  readonly base64: string;
}

/**
 * Creates a chain with one certificate for each name. The first is self-signed, and each other is issued by the one
 * before. All certificates except the last of several can issue others.
 */
export async function makeChain(names: readonly string[]): Promise<readonly TestCertificate[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-chain-'));
  const file = (name: string, what: string) => join(directory, `${name}.${what}`);
  try {
    for (const [at, name] of names.entries()) {
      const subject = ['-subj', `/CN=${name}`, '-keyout', file(name, 'key')];
      const issuer = names[at - 1];
      if (issuer === undefined) {
        await run('openssl', ['req', ...newKey, '-x509', '-days', '2', ...subject, '-out', file(name, 'crt')]);
        continue;
      }
      await run('openssl', ['req', ...newKey, ...subject, '-out', file(name, 'csr')]);
      await writeFile(file(name, 'ext'), `basicConstraints = CA:${at < names.length - 1 ? 'TRUE' : 'FALSE'}\n`);
      const signing = ['-CA', file(issuer, 'crt'), '-CAkey', file(issuer, 'key'), '-days', '2'];
      const files = ['-extfile', file(name, 'ext'), '-in', file(name, 'csr'), '-out', file(name, 'crt')];
      await run('openssl', ['x509', '-req', ...signing, ...files]);
    }
    return await Promise.all(
      names.map(async (name) => {
        const pem = await readFile(file(name, 'crt'), 'utf8');
        const certificate = new X509Certificate(pem);
        const privateKey = createPrivateKey(await readFile(file(name, 'key'), 'utf8'));
        return { name, pem, certificate, privateKey, base64: certificate.raw.toString('base64') };
      }),
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

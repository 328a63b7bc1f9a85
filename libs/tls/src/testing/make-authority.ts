// Creates a CA for a test, and certificates that this CA issues, with openssl.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { KeyPair } from '../key-pair.ts';

const run = promisify(execFile);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface TestAuthority {
  /** The CA certificate in PEM. */
  readonly certificate: string;
  /**
   * Creates a certificate for `names` such as `DNS:localhost` and `IP:127.0.0.1`. The certificate is valid for two
   * days, which begin now or at the day `from` (`20200227`).
   */
  issue(names: readonly string[], from?: string): Promise<KeyPair>;
}

export async function makeAuthority(): Promise<TestAuthority> {
  const authority = await inDirectory(async (file) => {
    const self = ['-x509', '-days', '2', '-subj', '/CN=test authority'];
    await run('openssl', ['req', ...newKey, ...self, '-keyout', file('key'), '-out', file('crt')]);
    return { certificate: await readFile(file('crt'), 'utf8'), key: await readFile(file('key'), 'utf8') };
  });
  return {
    certificate: authority.certificate,
    issue: (names, from) => inDirectory((file) => issue(authority, names, from, file)),
  };
}

type NameFile = (name: string) => string;

async function issue(
  authority: KeyPair,
  names: readonly string[],
  from: string | undefined,
  file: NameFile,
): Promise<KeyPair> {
  await writeFile(file('ca.crt'), authority.certificate);
  await writeFile(file('ca.key'), authority.key);
  await writeFile(file('ext'), `subjectAltName = ${names.join(',')}\n`);
  const subject = ['-subj', '/CN=a test', '-keyout', file('key'), '-out', file('csr')];
  await run('openssl', ['req', ...newKey, ...subject]);
  const period =
    from === undefined ? ['-days', '2'] : ['-not_before', `${from}000000Z`, '-not_after', `${Number(from) + 2}000000Z`];
  const signing = ['-CA', file('ca.crt'), '-CAkey', file('ca.key'), ...period, '-extfile', file('ext')];
  await run('openssl', ['x509', '-req', ...signing, '-in', file('csr'), '-out', file('crt')]);
  return { certificate: await readFile(file('crt'), 'utf8'), key: await readFile(file('key'), 'utf8') };
}

async function inDirectory<T>(action: (file: NameFile) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-authority-'));
  try {
    return await action((name) => join(directory, name));
  } finally {
    await rm(directory, { recursive: true });
  }
}

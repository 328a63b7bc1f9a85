// Reads every file that a configuration names, and checks its content: dates of certificates, users, JSON, permissions.
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { parseHtpasswd } from '@cistern/auth';
import type { Config } from '@cistern/config';
import { type Check, checkOf, fail, type Finding, ok, warn } from './finding.ts';
import { type FileKind, type NamedFile, namedFiles } from './named-files.ts';

export function fileChecks(config: Pick<Config, 'settings'>, nowMs: number): readonly Check[] {
  return namedFiles(config).map((file) => checkOf(file.setting, () => checkFile(file, nowMs)));
}

async function checkFile({ setting, path, kind }: NamedFile, nowMs: number): Promise<Finding> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && setting === 'admin.htpasswd.path')
      return warn(setting, `${path} does not exist, so no operator can log in. Create it with "cistern user add".`);
    return fail(setting, whyUnreadable(path, code));
  }
  const judged = judges[kind](text, nowMs);
  if (judged.result !== 'ok') return { ...judged, setting, message: `${path}: ${judged.message}` };
  const { mode } = await stat(path);
  if ((kind === 'key' || kind === 'secret') && (mode & 0o007) !== 0)
    return warn(
      setting,
      `${path} is open to all users of this machine (mode ${(mode & 0o777).toString(8)}). Run chmod o= on it.`,
    );
  return ok(setting, `${path}: ${judged.message}`);
}

function whyUnreadable(path: string, code: string | undefined): string {
  if (code === 'ENOENT') return `${path} does not exist. Create it, or correct the setting.`;
  if (code === 'EACCES' || code === 'EPERM')
    return `${path} cannot be read by user ${process.getuid?.()} (${code}). Give the user of the node the right to read it.`;
  return `${path} cannot be read (${code}).`;
}

type Judged = Pick<Finding, 'result' | 'message'>;

const judges: Readonly<Record<FileKind, (text: string, nowMs: number) => Judged>> = {
  certificates: judgeCertificates,
  key: (text) =>
    text.includes('PRIVATE KEY-----')
      ? { result: 'ok', message: 'a private key' }
      : { result: 'fail', message: 'it contains no private key in PEM. Name the file of the key.' },
  secret: (text) =>
    text.trim() === ''
      ? { result: 'fail', message: 'it is empty. Write the secret into it.' }
      : { result: 'ok', message: 'a secret' },
  users: judgeUsers,
  json: judgeJson,
};

const dayMs = 86_400_000;
const soonMs = 14 * dayMs;

function judgeCertificates(text: string, nowMs: number): Judged {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return { result: 'fail', message: 'it contains no certificate in PEM. Name another file.' };
  const certificates = blocks.map((block) => new X509Certificate(block));
  const early = certificates.find(({ validFromDate }) => validFromDate.getTime() > nowMs);
  if (early !== undefined)
    return {
      result: 'fail',
      message: `${nameOf(early)} is not valid before ${dayOf(early.validFromDate)}. Check the clock of this machine.`,
    };
  const [first] = certificates.toSorted((a, b) => a.validToDate.getTime() - b.validToDate.getTime());
  if (first === undefined) return { result: 'ok', message: '' };
  const leftMs = first.validToDate.getTime() - nowMs;
  if (leftMs <= 0)
    return { result: 'fail', message: `${nameOf(first)} expired on ${dayOf(first.validToDate)}. Renew it.` };
  const until = `${nameOf(first)} is valid until ${dayOf(first.validToDate)}`;
  if (leftMs < soonMs)
    return { result: 'warn', message: `${until}, for ${Math.floor(leftMs / dayMs)} days. Renew it.` };
  return { result: 'ok', message: `${blocks.length === 1 ? '' : `${blocks.length} certificates; `}${until}` };
}

function nameOf({ subject, subjectAltName }: X509Certificate): string {
  return subject?.split('\n').at(-1) ?? subjectAltName ?? 'its certificate';
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function judgeUsers(text: string): Judged {
  try {
    const { hashes, otherHashes } = parseHtpasswd(text);
    const [line] = otherHashes;
    if (line !== undefined)
      return {
        result: 'warn',
        message: `the user of line ${line} cannot log in, because the hash is not bcrypt. Run "cistern user add".`,
      };
    if (hashes.size === 0) return { result: 'warn', message: 'it has no users. Add one with "cistern user add".' };
    return { result: 'ok', message: hashes.size === 1 ? '1 user' : `${hashes.size} users` };
  } catch (error) {
    return { result: 'fail', message: `${(error as Error).message}.` };
  }
}

function judgeJson(text: string): Judged {
  try {
    JSON.parse(text);
    return { result: 'ok', message: 'valid JSON' };
  } catch {
    return { result: 'fail', message: 'it is not JSON. Write it again with the tool that created it.' };
  }
}

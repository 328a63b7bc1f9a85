// Installs missing packages of the distribution, so that tests run on real servers. A missing server is an error, never
// a reason to skip.
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from './with-file-lock.ts';

const run = promisify(execFile);
const installTimeoutMs = 10 * 60_000;

/**
 * Installs the Debian packages of `names` that are not installed yet. Installs only as root, on Debian or a derivative.
 * Otherwise it rejects with an error that names the missing packages. Services of the packages are not started.
 */
export async function ensureDebianPackages(names: readonly string[]): Promise<void> {
  if ((await missingPackages(names)).length === 0) return;
  await withFileLock(join(tmpdir(), 'cistern-apt-get.lock'), async () => {
    const missing = await missingPackages(names);
    if (missing.length === 0) return;
    if (process.getuid?.() !== 0)
      throw new Error(`These tests need ${missing.join(', ')}. Run "apt-get install ${missing.join(' ')}" as root.`);
    await withoutStartingServices(() => install(missing));
  });
}

async function missingPackages(names: readonly string[]): Promise<string[]> {
  const states = await Promise.all(names.map((name) => packageState(name)));
  return names.filter((_, position) => states[position] !== 'installed');
}

async function packageState(name: string): Promise<string> {
  try {
    return (await run('dpkg-query', ['-W', '-f=${db:Status-Status}', name])).stdout;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new Error(
        `These tests need Debian's package ${name}, and this system has no dpkg. Run them on Debian or Ubuntu, or in a container of it.`,
        { cause: error },
      );
    // dpkg-query exits with 1 for an unknown package.
    return 'unknown';
  }
}

async function install(names: readonly string[]): Promise<void> {
  const args = ['install', '--yes', '--no-install-recommends', '-o', 'Dpkg::Options::=--force-confold', ...names];
  try {
    await aptGet(args);
  } catch {
    // The package lists are missing, as in a fresh container image, or too old to match the mirror.
    await aptGet(['update']);
    await aptGet(args);
  }
}

async function aptGet(args: readonly string[]): Promise<void> {
  const common = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  try {
    await run('apt-get', [...common, ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      timeout: installTimeoutMs,
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    const tail = `${stdout}${stderr}`.trimEnd().split('\n').slice(-20).join('\n');
    throw new Error(`"apt-get ${args.join(' ')}" failed:\n${tail}`, { cause: error });
  }
}

const policyFile = '/usr/sbin/policy-rc.d';
const policy = "#!/bin/sh\n# Cistern's tests are installing packages and start their servers themselves.\nexit 101\n";

// The file is Debian's switch for starting services. While the file exits with 101, no package starts its service on
// the default port.
async function withoutStartingServices(action: () => Promise<void>): Promise<void> {
  try {
    await writeFile(policyFile, policy, { flag: 'wx', mode: 0o755 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    await action();
  } finally {
    // A file with other content existed before, so it stays. A file that a killed run left is removed.
    if ((await readFile(policyFile, 'utf8')) === policy) await rm(policyFile);
  }
}

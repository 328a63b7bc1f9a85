// Checks the directories in which a node writes: whether they exist, accept a file, and have free space.
import { randomUUID } from 'node:crypto';
import { rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readDiskSpace } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import { reserveBytes } from '@cistern/fills';
import { formatBytes } from '../terminal/format.ts';
import { type Check, checkOf, fail, type Finding, ok, warn } from './finding.ts';

export function directoryChecks(config: Config): readonly Check[] {
  const { storage, redis, worker, audit, http, storageLimits } = config;
  const cacheFile =
    http.tls?.certificates.kind === 'acme' ? config.settings.http.tls?.letsencrypt.cachefile : undefined;
  const named: readonly (readonly [setting: string, path: string | undefined])[] = [
    ['storage.filesystem.rootdirectory', storage.kind === 'filesystem' ? storage.rootDirectory : undefined],
    ['storage.s3.indexdirectory', storage.kind === 's3' && redis === undefined ? storage.indexDirectory : undefined],
    ['worker.spool.directory', worker.spool.directory],
    ['audit.path', audit.path && dirname(audit.path)],
    ['http.tls.letsencrypt.cachefile', cacheFile && dirname(cacheFile)],
  ];
  return named.flatMap(([setting, path]) =>
    path === undefined
      ? []
      : [
          checkOf(setting, () =>
            checkDirectory(setting, path, setting.startsWith('storage.filesystem') ? storageLimits.minFree : undefined),
          ),
        ],
  );
}

async function checkDirectory(
  setting: string,
  path: string,
  minFree: Config['storageLimits']['minFree'],
): Promise<Finding> {
  const existing = await nearestExisting(path);
  if (existing === undefined) return fail(setting, `${path} is below a file. Set it to a directory.`);
  const refused = await tryWriting(existing);
  if (refused !== undefined)
    return fail(
      setting,
      `${existing} cannot be written by user ${process.getuid?.()} (${refused}). Make it writable for the user of the node, or set another directory.`,
    );
  const space = await readDiskSpace(existing);
  const state = existing === path ? `${path} is writable` : `${path} does not exist yet, and can be created`;
  if (space === undefined) return ok(setting, state);
  const { freeBytes, totalBytes } = space;
  const free = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`;
  const reserve = minFree === undefined ? 0 : reserveBytes(minFree, totalBytes);
  if (freeBytes <= reserve)
    return fail(setting, `${path} is full: ${free}. Free some space, or set another directory.`);
  const kept = minFree === undefined ? 0 : Math.min(minFree.share * totalBytes, minFree.maxBytes);
  if (freeBytes <= kept)
    return warn(
      setting,
      `${state}, but only ${free}. Content is evicted until storage.minfree is free (${formatBytes(kept)}). Free some space, or lower it.`,
    );
  return ok(setting, `${state}, ${free}`);
}

/** Resolves to the directory, or to the nearest one above it that exists. `undefined` means that a file is in the way. */
async function nearestExisting(path: string): Promise<string | undefined> {
  try {
    return (await stat(path)).isDirectory() ? path : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return undefined;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    return nearestExisting(dirname(path));
  }
}

/** Resolves to the error code if no file can be written. */
async function tryWriting(directory: string): Promise<string | undefined> {
  const path = join(directory, `.cistern-check-${randomUUID()}`);
  try {
    await writeFile(path, '', { flag: 'wx' });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    await rm(path, { force: true }).catch(() => {});
  }
}

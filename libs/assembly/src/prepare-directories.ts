// Prepares the directories and files of a configuration. Errors name the setting to change.
import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Config, ConfigError } from '@cistern/config';
import { StartError } from '@cistern/runtime';

/**
 * Creates and checks the directories to which a node of this configuration writes, if there are any. Rejects with
 * `StartError`.
 */
export async function prepareDirectories({ storage, redis }: Pick<Config, 'storage' | 'redis'>): Promise<void> {
  if (storage.kind === 'filesystem') await prepareDirectory(storage.rootDirectory, 'storage.filesystem.rootdirectory');
  if (storage.kind === 's3' && redis === undefined)
    await prepareDirectory(storage.indexDirectory, 'storage.s3.indexdirectory');
}

/** Runs `open`, and turns its failure into a ConfigError for the setting `path`. */
export async function openForConfig<T>(path: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw new ConfigError('The configuration', [{ path, message: (error as Error).message }]);
  }
}

/**
 * Creates the directory if it is missing; only its user can access it. Rejects with `StartError` if this process cannot
 * read or write in the directory. `key` is the name of its setting.
 */
async function prepareDirectory(path: string, key: string): Promise<void> {
  try {
    await makeDirectory(path, privateMode);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new StartError(
      `The data directory ${path} cannot be used (${code ?? message}): make it a directory that this user can write in, or set ${key} to another one.`,
      { cause: error },
    );
  }
}

const privateMode = 0o700;

// Does not use `recursive` of `mkdir`. On file systems such as /proc, which return ENOENT for a new directory, it would
// never end.
async function makeDirectory(path: string, mode?: number): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeDirectory(dirname(path));
      await mkdir(path, mode);
    } else if (code !== 'EEXIST') throw error;
    else if (!(await stat(path)).isDirectory()) throw new Error('it is a file', { cause: error });
  }
}

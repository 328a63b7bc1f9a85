// The directories of the data, before anything is opened in them.
import type { Config } from '@cistern/config';
import { prepareDirectory } from './prepare-directory.ts';

/** Those that a node of this configuration writes in; many have none. Rejects with `StartError`. */
export async function prepareDirectories({ storage, redis }: Pick<Config, 'storage' | 'redis'>): Promise<void> {
  if (storage.kind === 'filesystem') await prepareDirectory(storage.rootDirectory, 'storage.filesystem.rootdirectory');
  if (storage.kind === 's3' && redis === undefined)
    await prepareDirectory(storage.indexDirectory, 'storage.s3.indexdirectory');
}

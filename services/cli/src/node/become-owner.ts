// Makes a process of the image run as the owner of its data. It starts as root, as registry:2 does. A volume of
// registry:2 still belongs to root, and a new volume belongs to the image's user.
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartError } from '@cistern/runtime';

/** The part of `process` that reads and changes its user. */
export interface ProcessUser {
  getuid?(): number;
  getgroups?(): number[];
  setgroups?(groups: readonly number[]): void;
  setgid?(id: number): void;
  setuid?(id: number): void;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * `ownerOf` returns `undefined` for a missing path. Throws `StartError` if this process could not write the existing
 * data.
 */
export function becomeOwner(
  directory: string,
  user: ProcessUser = process,
  ownerOf: (path: string) => Owner | undefined = readOwner,
): void {
  if (user.getuid?.() !== 0) return;
  const writer = ownerOf(join(directory, 'docker'));
  const owner = writer ?? findOwner(directory, ownerOf);
  if (owner === undefined || owner.uid === 0) return;
  try {
    // Groups of the container (`--group-add`) are kept, because keys may be readable only for them.
    user.setgroups?.([owner.gid, ...(user.getgroups?.() ?? []).filter((group) => group !== 0)]);
    user.setgid?.(owner.gid);
    user.setuid?.(owner.uid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    // Without the capability (`--cap-drop ALL`) root has only the permissions of others. They are enough for a new
    // volume.
    if (writer !== undefined)
      throw new StartError(
        `The data in ${directory} belongs to user ${owner.uid}, and this process lacks the capability to become that user. Run the container with --user ${owner.uid}:${owner.gid}, or with --cap-add SETUID --cap-add SETGID.`,
        { cause: error },
      );
  }
}

/** Returns the owner of the directory, or of the nearest parent that exists. */
function findOwner(directory: string, ownerOf: (path: string) => Owner | undefined): Owner | undefined {
  const owner = ownerOf(directory);
  if (owner !== undefined || dirname(directory) === directory) return owner;
  return findOwner(dirname(directory), ownerOf);
}

function readOwner(path: string): Owner | undefined {
  try {
    return statSync(path);
  } catch {
    // The rest of the startup meets the same error again and reports it.
    return undefined;
  }
}

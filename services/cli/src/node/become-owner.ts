// Makes a process of the image run as the owner of its data. The process starts as root, as registry:2 does. It stays
// root if the data belongs to root, as in a volume of registry:2. A new volume belongs to the image's user, so the
// process becomes that user.
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
 * Switches the process from root to the owner of the data in `directory`, or of `directory` itself if it has no data
 * yet. Does nothing if the process is not root, or if the owner is root. `ownerOf` returns `undefined` for a missing
 * path. Throws `StartError` if the process cannot become the owner of existing data.
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
    // Groups of the container (`--group-add`) are kept, because a key file can be readable only for one of them.
    user.setgroups?.([owner.gid, ...(user.getgroups?.() ?? []).filter((group) => group !== 0)]);
    user.setgid?.(owner.gid);
    user.setuid?.(owner.uid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    // Without its capabilities (`--cap-drop ALL`), root cannot switch the user. In the owner's directory, root then has
    // only the permissions for "others". They are sufficient for a new volume, because any user may write to it.
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
    // The error is ignored here, because a later step of the startup fails with the same error and reports it.
    return undefined;
  }
}

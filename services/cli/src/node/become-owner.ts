// In the image a process starts as root, as registry:2 does, and goes on as the user whose data it has: a volume of
// registry:2 stays root's, a new one is the image's user's.
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartError } from '@cistern/runtime';

/** The part of `process` that changes who it is. */
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

/** `ownerOf`: `undefined` where there is no such path. Throws `StartError` where this process could not write what is there. */
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
    // Groups that the container was given (`--group-add`) stay: keys may be readable for them alone.
    user.setgroups?.([owner.gid, ...(user.getgroups?.() ?? []).filter((group) => group !== 0)]);
    user.setgid?.(owner.gid);
    user.setuid?.(owner.uid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    // Without the capability (`--cap-drop ALL`) root has the rights of others: enough for a new volume.
    if (writer !== undefined)
      throw new StartError(
        `The data in ${directory} belongs to user ${owner.uid}, and this process has no capability to become that user: run the container with --user ${owner.uid}:${owner.gid}, or with --cap-add SETUID --cap-add SETGID.`,
        { cause: error },
      );
  }
}

/** The owner of the directory, or of the one in which it will be made. */
function findOwner(directory: string, ownerOf: (path: string) => Owner | undefined): Owner | undefined {
  const owner = ownerOf(directory);
  if (owner !== undefined || dirname(directory) === directory) return owner;
  return findOwner(dirname(directory), ownerOf);
}

function readOwner(path: string): Owner | undefined {
  try {
    return statSync(path);
  } catch {
    // Whatever the reason is, the start meets it again and says it.
    return undefined;
  }
}

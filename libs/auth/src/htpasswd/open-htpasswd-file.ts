// The htpasswd file as it is now. An operator who saves half a file, or removes it for a moment, locks nobody out.
import { fileText } from '@cistern/files';
import type { Logger } from '@cistern/telemetry';
import { type HtpasswdUsers, parseHtpasswd } from './parse-htpasswd.ts';

export interface HtpasswdFile {
  /** The users; the same object until the file has changed. */
  read(): Promise<HtpasswdUsers>;
}

export interface HtpasswdFileOptions {
  readonly path: string;
  readonly log: Logger;
}

/** Rejects with an Error for a file that is not there or is none. Later the users are those that it last had. */
export async function openHtpasswdFile({ path, log }: HtpasswdFileOptions): Promise<HtpasswdFile> {
  const text = fileText(path);
  let textOfUsers = await text().catch((error: unknown) => refuse(path, error));
  let users = parse(textOfUsers);
  let failure = '';
  tell(users);

  function parse(of: string): HtpasswdUsers {
    try {
      return parseHtpasswd(of);
    } catch (error) {
      return refuse(path, error);
    }
  }

  function tell({ hashes, otherHashes }: HtpasswdUsers): void {
    log.info({ path, users: hashes.size }, 'users read');
    if (otherHashes.length > 0)
      log.warn({ path, lines: otherHashes }, 'users whose passwords are not hashed by bcrypt cannot come in');
  }

  return {
    async read() {
      try {
        const current = await text();
        if (current !== textOfUsers) {
          const changed = parse(current);
          textOfUsers = current;
          users = changed;
          tell(changed);
        }
        failure = '';
      } catch (error) {
        const { message } = error as Error;
        if (message !== failure) log.error({ path, err: error }, 'the users file cannot be read: its users stay');
        failure = message;
      }
      return users;
    },
  };
}

function refuse(path: string, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException;
  const why =
    code === undefined ? `is wrong: ${message}` : code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
  throw new Error(`the file ${path} ${why}; htpasswd -Bc ${path} <user> makes one`, { cause: error });
}

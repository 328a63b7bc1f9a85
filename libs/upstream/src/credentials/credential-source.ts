// Where an account's user name and password come from. They may change while the process runs (decision 0019).
import { CacheError } from '@cistern/errors';
import { fileText } from '@cistern/runtime';

/** `<token>` as the user name: the password is an identity token. */
export interface UpstreamCredentials {
  readonly username: string;
  readonly password: string;
}

export interface CredentialSource {
  /** Of the configuration: in metrics and logs. */
  readonly name: string;
  /**
   * As they are now; `undefined`: none, ask as anybody. Called for every use, so it answers from memory what has not
   * changed. Rejects with `upstream-refused-us` when they cannot be had.
   */
  read(signal: AbortSignal): Promise<UpstreamCredentials | undefined>;
  /** They were refused: what was kept of them is read again. */
  forget?(): void;
}

export function fixedCredentials(name: string, credentials: UpstreamCredentials): CredentialSource {
  return { name, read: async () => credentials };
}

export function unreadable(why: string, cause?: unknown): CacheError {
  return new CacheError('upstream-refused-us', `The credentials of this upstream cannot be had: ${why}.`, { cause });
}

export interface PasswordFileOptions {
  readonly name: string;
  readonly username: string;
  readonly path: string;
}

/** A password that may be exchanged while it is in use. A line break at the end of the file does not count. */
export function passwordFile({ name, username, path }: PasswordFileOptions): CredentialSource {
  const read = fileText(path);
  return {
    name,
    async read() {
      try {
        const password = (await read()).replace(/\r?\n$/, '');
        return { username, password };
      } catch (error) {
        throw unreadable(`the file ${path} cannot be read (${String((error as NodeJS.ErrnoException).code)})`, error);
      }
    },
  };
}

/** The user name of an identity token, as docker and its credential helpers write it. */
const tokenUser = '<token>';

/**
 * What a login leaves at some registries, Azure's among them, in place of a password: good for tokens, and for nothing else
 * (decision 0024).
 */
export function identityToken(token: string): UpstreamCredentials {
  return { username: tokenUser, password: token };
}

export function isIdentityToken(credentials: UpstreamCredentials): boolean {
  return credentials.username === tokenUser;
}

// The sources of an account's user name and password. Both may change while the process runs (decision 0019).
import { CacheError } from '@cistern/errors';
import { fileText } from '@cistern/runtime';

/** A user name of `<token>` means that the password is an identity token. */
export interface UpstreamCredentials {
  readonly username: string;
  readonly password: string;
}

export interface CredentialSource {
  /** The name in the configuration, used in metrics and logs. */
  readonly name: string;
  /** The key of the setting of this account. Default: the one with the accounts of the upstream. */
  readonly setting?: string;
  /**
   * Returns the current credentials. `undefined` means that there are none, so requests are anonymous. The method is
   * called for every use, so it caches credentials that have not changed. Rejects with `upstream-refused-us` if the
   * credentials cannot be read.
   */
  read(signal: AbortSignal): Promise<UpstreamCredentials | undefined>;
  /** Drops cached credentials after the registry refused them, so that the next call reads them again. */
  forget?(): void;
}

export function fixedCredentials(name: string, credentials: UpstreamCredentials): CredentialSource {
  return { name, read: async () => credentials };
}

export function unreadable(why: string, cause?: unknown): CacheError {
  return new CacheError('upstream-refused-us', `The credentials of this upstream cannot be read: ${why}.`, { cause });
}

export interface PasswordFileOptions {
  readonly name: string;
  readonly username: string;
  readonly path: string;
}

/**
 * Reads a password from a file, which may change while it is in use. A line break at the end of the file is ignored.
 */
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
 * Returns credentials for an identity token, which a login to Azure's and some other registries returns instead of a
 * password. It is valid for token requests only (decision 0024).
 */
export function identityToken(token: string): UpstreamCredentials {
  return { username: tokenUser, password: token };
}

export function isIdentityToken(credentials: UpstreamCredentials): boolean {
  return credentials.username === tokenUser;
}

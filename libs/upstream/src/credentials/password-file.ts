import { fileText } from '@cistern/runtime';
import { type CredentialSource, unreadable } from './credential-source.ts';

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

import { ConfigError } from '@cistern/config';

/** What cannot be opened is a mistake of the configuration, `path`: rejects with a ConfigError. */
export async function openForConfig<T>(path: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    throw new ConfigError('The configuration', [{ path, message: (error as Error).message }]);
  }
}

// A file that says who may come in, as it is now. An operator who saves half a file, or removes it for a moment, locks nobody
// out.
import { fileText } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';

export interface ParsedFile<T> {
  /** What was parsed; the same object until the file has changed. */
  read(): Promise<T>;
}

export interface ParsedFileOptions<T> {
  readonly path: string;
  readonly log: Logger;
  /** Throws an Error whose message shows nothing of the text. */
  readonly parse: (text: string) => T;
  /** Gets what was parsed, each time. */
  readonly onRead: (parsed: T) => void;
  /** A clause that says how one comes by such a file. */
  readonly advice: string;
}

/** Rejects with an Error, whose message is a clause, for a file that is not there or is none. Later it stays as it was then. */
export async function openParsedFile<T>(options: ParsedFileOptions<T>): Promise<ParsedFile<T>> {
  const { path, log, parse, onRead } = options;
  const text = fileText(path);
  const refuse = (why: string, cause: unknown) => new Error(`the file ${path} ${why}; ${options.advice}`, { cause });
  let failure = '';
  let textThen = await text().catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`, error);
  });
  let parsed: T;
  try {
    parsed = parse(textThen);
  } catch (error) {
    throw refuse(`is wrong: ${(error as Error).message}`, error);
  }
  onRead(parsed);

  async function look(): Promise<T> {
    try {
      const current = await text();
      if (current !== textThen) {
        parsed = parse(current);
        textThen = current;
        onRead(parsed);
      }
      failure = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== failure)
        log.error({ path, err: error }, 'a file of who may come in cannot be read: it counts as it was');
      failure = message;
    }
    return parsed;
  }

  // Of requests that come at the same time one looks for all.
  let looking: Promise<T> | undefined;
  return { read: () => (looking ??= look().finally(() => (looking = undefined))) };
}

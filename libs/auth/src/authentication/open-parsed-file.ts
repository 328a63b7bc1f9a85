// Reads a file of users or keys, always its current content. While the file is missing or cannot be parsed, the previous
// content stays in use. A half-saved file that can be parsed is used.
import { fileText } from '@cistern/runtime';
import type { Logger } from '@cistern/telemetry';

export interface ParsedFile<T> {
  /** Resolves to the parsed content: the same object until the file changes. */
  read(): Promise<T>;
}

export interface ParsedFileOptions<T> {
  readonly path: string;
  readonly log: Logger;
  /** Throws an Error whose message reveals nothing of the text. */
  readonly parse: (text: string) => T;
  /** Called with each newly parsed content. */
  readonly onRead: (parsed: T) => void;
  /** A clause that explains how to get such a file. */
  readonly advice: string;
  /** A missing file counts as an empty one until it exists. Default false. */
  readonly mayBeMissing?: boolean;
}

/**
 * Opens the file. Rejects with an Error, whose message is a clause, if the file cannot be read or is invalid. Later
 * failures are logged, and the previous content stays in use.
 */
export async function openParsedFile<T>(options: ParsedFileOptions<T>): Promise<ParsedFile<T>> {
  const { path, log, parse, onRead, advice, mayBeMissing = false } = options;
  const text = fileText(path);
  const refuse = (why: string, cause: unknown, fix = advice) => new Error(`the file ${path} ${why}; ${fix}`, { cause });
  let failure = '';
  let lastText = await text().catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && mayBeMissing) {
      log.warn({ path, advice }, 'authentication file does not exist yet');
      failure = error.message;
      return '';
    }
    if (error.code === 'ENOENT') throw refuse('does not exist', error);
    if (error.code !== 'EACCES') throw refuse(`cannot be read (${error.code})`, error);
    const user = process.getuid?.();
    throw refuse(
      `cannot be read by user ${user}, which runs this process (EACCES)`,
      error,
      `make that user its owner: chown ${user} ${path}, and let it enter the directories above`,
    );
  });
  let parsed: T;
  try {
    parsed = parse(lastText);
  } catch (error) {
    throw refuse(`is wrong: ${(error as Error).message}`, error);
  }
  onRead(parsed);

  async function load(): Promise<T> {
    try {
      const current = await text();
      if (current !== lastText) {
        parsed = parse(current);
        lastText = current;
        onRead(parsed);
      }
      failure = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== failure)
        log.error({ path, err: error }, 'failed to reload authentication file, keeping previous content');
      failure = message;
    }
    return parsed;
  }

  // Concurrent requests share one read.
  let loading: Promise<T> | undefined;
  return { read: () => (loading ??= load().finally(() => (loading = undefined))) };
}

// What a section needs beside its own values to be built.
import { createSecret, type Secret } from '../secrets.ts';

export interface SectionContext {
  /** Reports a problem that no single value has by itself. */
  report(path: string, message: string): void;
  /** The text of a file that the configuration names; rejects by throwing. */
  readFile(path: string): string;
  readonly defaults: { readonly rootDirectory: string };
}

/** The text of a named file, or a reported problem. */
export function readNamedFile(context: SectionContext, key: string, path: string): string | undefined {
  try {
    return context.readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? (error as Error).message})`;
    context.report(key, `the file ${path} ${why}`);
    return undefined;
  }
}

/** A secret given by value or by file (one of them); a line break at the end of the file does not count. */
export function chooseSecret(
  context: SectionContext,
  key: string,
  given: { readonly value: Secret | undefined; readonly file: string | undefined },
): Secret | undefined {
  if (given.value !== undefined && given.file !== undefined)
    context.report(`${key}file`, `cannot be given together with ${key}`);
  if (given.file === undefined) return given.value;
  const text = readNamedFile(context, `${key}file`, given.file);
  return text === undefined ? undefined : createSecret(text.replace(/\r?\n$/, ''));
}

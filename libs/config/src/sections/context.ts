// What a section needs beside its own values to be built.
import { parseTcpAddress } from '../values/addresses.ts';
import type { TcpAddress, Environment } from '@cistern/runtime/process';
import { createSecret, type Secret } from '../values/secrets.ts';

export interface SectionContext {
  /** Reports a problem that no single value has by itself. */
  report(path: string, message: string): void;
  /** Says what was understood but has no effect. */
  warn(path: string, message: string): void;
  /** Whether the file or the environment has this section. Other checks report what is wrong inside it. */
  isPresent(section: string): boolean;
  /** For what other programs read from the environment too. */
  readonly env: Environment;
  /** The text of a file that the configuration names; rejects by throwing. */
  readFile(path: string): string;
  readonly defaults: { readonly rootDirectory: string };
}

/** The text of a named file; `undefined`: none is named, or a reported problem. */
export function readNamedFile(context: SectionContext, key: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return context.readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? (error as Error).message})`;
    context.report(key, `the file ${path} ${why}`);
    return undefined;
  }
}

/** PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: Secret;
}

/**
 * A pair of PEM files, of which neither is any use without the other; `undefined`: not given, or a reported problem. `files`:
 * the certificate by its key below `path`, then its private key.
 */
export function readKeyPair(
  context: SectionContext,
  path: string,
  files: Readonly<Record<string, string | undefined>>,
): KeyPair | undefined {
  const names = Object.keys(files);
  const missing = names.filter((name) => files[name] === undefined);
  if (missing.length === 1) context.report(`${path}.${missing[0]}`, `is required: ${names.join(' and ')} go together`);
  if (missing.length > 0) return undefined;
  const [certificate, key] = names.map((name) => readNamedFile(context, `${path}.${name}`, files[name]));
  return certificate === undefined || key === undefined ? undefined : { certificate, key: createSecret(key) };
}

/** The address of a listener, or a reported problem and any address. */
export function readTcpAddress(context: SectionContext, key: string, text: string): TcpAddress {
  try {
    return parseTcpAddress(text);
  } catch (error) {
    context.report(key, (error as Error).message);
    return { kind: 'tcp', host: undefined, port: 0 };
  }
}

export interface OptionalListener {
  /** `undefined`: no such listener. */
  readonly address: TcpAddress | undefined;
  /** Whether the user named the address; if not, that it is taken must not stop a single process. */
  readonly explicit: boolean;
}

/** `""` is nowhere. */
export function readListener(
  context: SectionContext,
  key: string,
  given: string | undefined,
  fallback: string,
): OptionalListener {
  const address = given === '' ? undefined : readTcpAddress(context, key, given ?? fallback);
  return { address, explicit: given !== undefined };
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

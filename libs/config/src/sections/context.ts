// Defines the context in which each section is built, and helpers that read files, addresses and secrets.
import { parseTcpAddress } from '../values/addresses.ts';
import type { TcpAddress, Environment } from '@cistern/runtime/process';
import { createSecret, type Secret } from '../values/secrets.ts';

export interface SectionContext {
  /** Reports a problem that the schema of a single value cannot find. */
  report(path: string, message: string): void;
  /** Warns about a setting that is valid, but has no effect or is risky. */
  warn(path: string, message: string): void;
  /** Returns true if the file or the environment sets this section, even if the section has problems. */
  isPresent(section: string): boolean;
  /** The environment, for variables such as `AWS_ACCESS_KEY_ID`, which other programs read too. */
  readonly env: Environment;
  /** Returns the text of a file that the configuration names. Throws if it cannot be read. */
  readFile(path: string): string;
  readonly defaults: { readonly rootDirectory: string };
}

/** Returns the text of the file at `path`. Returns `undefined` if `path` is unset, or after a problem was reported. */
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

/** A certificate and its private key, in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: Secret;
}

/**
 * Reads a certificate and its private key from PEM files. Returns `undefined` if both files are unset, or after a
 * problem was reported. If only one of them is set, that is a problem. `files` has two entries, first the certificate,
 * then the private key. Each entry is the name of the setting below `path`, and the path of the file.
 */
export function readKeyPair(
  context: SectionContext,
  path: string,
  files: Readonly<Record<string, string | undefined>>,
): KeyPair | undefined {
  const names = Object.keys(files);
  const missing = names.filter((name) => files[name] === undefined);
  if (missing.length === 1)
    context.report(`${path}.${missing[0]}`, `is required: ${names.join(' and ')} must be set together`);
  if (missing.length > 0) return undefined;
  const [certificate, key] = names.map((name) => readNamedFile(context, `${path}.${name}`, files[name]));
  return certificate === undefined || key === undefined ? undefined : { certificate, key: createSecret(key) };
}

/** Returns the address of a listener. Reports an invalid address and returns an arbitrary one instead. */
export function readTcpAddress(context: SectionContext, key: string, text: string): TcpAddress {
  try {
    return parseTcpAddress(text);
  } catch (error) {
    context.report(key, (error as Error).message);
    return { kind: 'tcp', host: undefined, port: 0 };
  }
}

export interface OptionalListener {
  /** `undefined` means that the listener is disabled. */
  readonly address: TcpAddress | undefined;
  /** True if the user configured the address. If false, a single process starts even if the address is in use. */
  readonly explicit: boolean;
}

/** Reads the address of an optional listener. `""` disables the listener. */
export function readListener(
  context: SectionContext,
  key: string,
  given: string | undefined,
  fallback: string,
): OptionalListener {
  const address = given === '' ? undefined : readTcpAddress(context, key, given ?? fallback);
  return { address, explicit: given !== undefined };
}

/** Returns a secret that is set either by value or by file. Ignores a line break at the end of the file. */
export function chooseSecret(
  context: SectionContext,
  key: string,
  given: { readonly value: Secret | undefined; readonly file: string | undefined },
): Secret | undefined {
  if (given.value !== undefined && given.file !== undefined)
    context.report(`${key}file`, `cannot be combined with ${key}: remove one of them`);
  if (given.file === undefined) return given.value;
  const text = readNamedFile(context, `${key}file`, given.file);
  return text === undefined ? undefined : createSecret(text.replace(/\r?\n$/, ''));
}

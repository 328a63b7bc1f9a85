// The context in which sections are built, and helpers to read files, addresses and secrets.
import { parseTcpAddress } from '../values/addresses.ts';
import type { TcpAddress, Environment } from '@cistern/runtime/process';
import { createSecret, type Secret } from '../values/secrets.ts';

export interface SectionContext {
  /** Reports a problem that a single value's schema cannot find. */
  report(path: string, message: string): void;
  /** Warns about a valid setting without effect. */
  warn(path: string, message: string): void;
  /** Returns whether the file or the environment has this section. Other checks report problems inside it. */
  isPresent(section: string): boolean;
  /** The environment, for variables that other programs read too. */
  readonly env: Environment;
  /** Returns the text of a file that the configuration names. Throws if it cannot be read. */
  readFile(path: string): string;
  readonly defaults: { readonly rootDirectory: string };
}

/** Returns the text of a named file. Returns `undefined` if none is named, or after it reported a problem. */
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
 * Reads a certificate and its private key from PEM files; each needs the other. Returns `undefined` if none is named,
 * or after it reported a problem. `files` has the path of the certificate by its key below `path`, then that of the
 * private key.
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

/** Returns the address of a listener. After it reported a problem it returns an arbitrary address. */
export function readTcpAddress(context: SectionContext, key: string, text: string): TcpAddress {
  try {
    return parseTcpAddress(text);
  } catch (error) {
    context.report(key, (error as Error).message);
    return { kind: 'tcp', host: undefined, port: 0 };
  }
}

export interface OptionalListener {
  /** `undefined` means no such listener. */
  readonly address: TcpAddress | undefined;
  /** Whether the user configured the address. If not, a single process starts although the address is in use. */
  readonly explicit: boolean;
}

/** Reads the address of an optional listener. `""` means no listener. */
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

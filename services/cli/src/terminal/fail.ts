// How a command that cannot do its work ends: with sentences for the user, and a stack only for what is our own mistake.
import { ConfigError } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import { StartError } from '@cistern/runtime/process';
import { CertificateError } from '@cistern/tls';
import { CommandError } from './command-error.ts';
import type { Terminal } from './terminal.ts';

/** Prints why and sets the exit code to 1. */
export function fail(terminal: Terminal, error: unknown): void {
  const isExplained = [ConfigError, CacheError, CertificateError, StartError, CommandError].some(
    (kind) => error instanceof kind,
  );
  const text = error instanceof Error ? (isExplained ? error.message : error.stack) : String(error);
  terminal.stderr.write(`cistern: ${text}\n`);
  terminal.exitCode = 1;
}

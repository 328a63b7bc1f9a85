// What clients are served with.
import type { Config } from '@cistern/config';
import { CertificateError, identityFiles, openServerTls, type ServerTls } from '@cistern/tls';
import type { AssembleOptions } from './assemble-options.ts';
import type { Closers } from './closers.ts';

/** `undefined`: plain HTTP. Rejects with `CertificateError`, whose message is a sentence that names the configuration's key. */
export async function openTls(
  { http: { tls } }: Pick<Config, 'http'>,
  { log, metrics }: Pick<AssembleOptions, 'log' | 'metrics'>,
  { opened }: Closers,
): Promise<ServerTls | undefined> {
  if (tls === undefined) return undefined;
  const { minimumVersion, ciphers, clientsMayHaveNone } = tls;
  const load = identityFiles(tls);
  try {
    return opened(await openServerTls({ load, minimumVersion, ciphers, clientsMayHaveNone, log, metrics }));
  } catch (error) {
    const { message } = error as Error;
    throw new CertificateError(`TLS cannot be served with what http.tls names: ${message}.`, { cause: error });
  }
}

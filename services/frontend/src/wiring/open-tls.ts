// Opens the TLS settings of the registry's listener.
import type { Config, TlsConfig } from '@cistern/config';
import {
  answerChallenge,
  CertificateError,
  filesText,
  identityFiles,
  openServerTls,
  type ServerTls,
  sharedIdentity,
} from '@cistern/tls';
import { acmeRecords, type OpenedIndexAndStore } from '@cistern/assembly';
import type { NodeContext } from '@cistern/runtime/process';
import type { Closers } from '@cistern/runtime';

export interface OpenedTls {
  /** `undefined` means plain HTTP. */
  readonly tls: ServerTls | undefined;
  /**
   * Resolves to the answer to an `http-01` challenge of an ACME authority. This function is `undefined` if no such challenge is
   * configured.
   */
  readonly answerChallenge: ((token: string) => Promise<string | undefined>) | undefined;
}

type Options = Pick<NodeContext, 'log' | 'metrics'>;

/** Rejects with `CertificateError`. Its message is a sentence that names the setting. */
export async function openTls(
  config: Pick<Config, 'http' | 'cluster' | 'storage'>,
  { index, store }: OpenedIndexAndStore,
  options: Options,
  { opened }: Closers,
): Promise<OpenedTls> {
  const { tls } = config.http;
  if (tls === undefined) return { tls: undefined, answerChallenge: undefined };
  const { certificates, clientAuthorities } = tls;
  if (certificates.kind === 'files') {
    const load = identityFiles({ ...certificates, clientAuthorities });
    const place = { setting: 'http.tls.certificate', path: certificates.certificate };
    return { tls: opened(await openServer(tls, load, options, place)), answerChallenge: undefined };
  }
  const { challenge, directory } = certificates;
  const { state, board } = acmeRecords(config, { index, store }, directory);
  const load = sharedIdentity({
    state,
    board,
    provesByAlpn: challenge.kind === 'tls-alpn-01',
    readAuthorities: filesText(clientAuthorities),
    log: options.log,
    now: index.now,
  });
  return {
    tls: opened(await openServer(tls, load, options, { setting: 'http.tls.letsencrypt' })),
    answerChallenge: challenge.kind === 'http-01' ? (token) => answerChallenge(board, token) : undefined,
  };
}

async function openServer(
  { minimumVersion, ciphers, clientCertificateIsOptional }: TlsConfig,
  load: Parameters<typeof openServerTls>[0]['load'],
  { log, metrics }: Options,
  place: Parameters<typeof openServerTls>[0]['place'],
): Promise<ServerTls> {
  try {
    return await openServerTls({ load, minimumVersion, ciphers, clientCertificateIsOptional, place, log, metrics });
  } catch (error) {
    const { message } = error as Error;
    throw new CertificateError(`TLS cannot be served with the settings of http.tls: ${message}.`, { cause: error });
  }
}

// Starts the issuer of certificates in processes with outbound connections. One process at a time orders certificates.
import type { Config } from '@cistern/config';
import { withLease } from '@cistern/index';
import { dnsProver, frontendProver, type Issuer, startIssuer } from '@cistern/tls';
import { acmeRecords, type OpenedIndexAndStore } from '@cistern/assembly';
import type { NodeContext } from '@cistern/runtime/process';

/** This exceeds the time in which frontends poll the board (see `openServerTls`), or start to listen when all start together. */
const settleMs = 7000;

/** Starts immediately. Returns `undefined` if no certificate must be ordered. The caller closes it. */
export function openIssuer(
  config: Config,
  { index, store }: OpenedIndexAndStore,
  { log, metrics }: Pick<NodeContext, 'log' | 'metrics'>,
): Issuer | undefined {
  const { certificates } = config.http.tls ?? {};
  if (certificates?.kind !== 'acme') return undefined;
  const { hosts, email, directoryUrl, directory, challenge, externalAccount: bound } = certificates;
  const { state, board } = acmeRecords(config, { index, store }, directory);
  const prover = challenge.kind === 'dns-01' ? dnsProver(challenge) : frontendProver({ board, settleMs });
  const externalAccount = bound && { kid: bound.kid, hmacKey: bound.hmacKey.reveal() };
  return startIssuer({
    request: { hosts, email, externalAccount, directoryUrl, challenge: challenge.kind },
    state,
    board,
    prover,
    withLease: (signal, action) => withLease({ index, name: 'acme', signal }, action),
    log,
    metrics,
    now: index.now,
  });
}

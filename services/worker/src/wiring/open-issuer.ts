// Starts the issuer of certificates. Only workers run it, because only they connect to other hosts. A lease ensures that one
// process at a time orders certificates.
import type { Config } from '@cistern/config';
import { withLease } from '@cistern/index';
import { dnsProver, frontendProver, type Issuer, startIssuer } from '@cistern/tls';
import { acmeRecords, type OpenedIndexAndStore } from '@cistern/assembly';
import type { NodeContext } from '@cistern/runtime/process';

/**
 * The wait before the ACME authority checks a challenge. It is longer than the interval in which frontends poll the board (see
 * `openServerTls`). It is also longer than frontends need to start, if all nodes start at the same time.
 */
const settleMs = 7000;

/**
 * Starts the issuer immediately. Returns `undefined` if certificates are not from an ACME authority. The caller closes the
 * issuer.
 */
export function openIssuer(
  config: Pick<Config, 'http' | 'cluster' | 'storage'>,
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

// Who gets certificates: processes that have a way out, one of them at a time.
import type { Config } from '@cistern/config';
import { withLease } from '@cistern/index';
import { dnsProver, frontendProver, type Issuer, startIssuer } from '@cistern/tls';
import { acmeRecords, type OpenedIndexAndStore } from '@cistern/assembly';
import type { NodeContext } from '@cistern/runtime/process';

/** Longer than frontends take to look at the board by themselves (see `openServerTls`), or to listen when all start together. */
const settleMs = 7000;

/** Begins at once; `undefined`: there is nothing to get. The caller closes it. */
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

// Opens one upstream: its own registry, and its alternates.
import { withAlternates } from './alternates.ts';
import { createBudgetLedger } from '../budget/create-budget-ledger.ts';
import type { CredentialSource } from '../credentials/credential-source.ts';
import { openEndpoint } from './open-endpoint.ts';
import type { OpenUpstreamOptions } from './open-upstream-options.ts';
import type { Upstream } from '../upstream.ts';

const defaultHedgeAfterMs = 1_000;

/**
 * Connects to nothing yet: that is for the first call. `close` breaks off what is still running. Throws a TypeError for
 * a URL that is none.
 */
export function openUpstream(options: OpenUpstreamOptions): Upstream {
  const { name, metrics, log, reserve, alternates = [], credentials = [], clock = Date.now } = options;
  const ledger = options.ledger ?? createBudgetLedger({ metrics, log, clock });
  const open = (url: string, own: readonly CredentialSource[], tls: OpenUpstreamOptions['tls']): Upstream =>
    openEndpoint({
      ...options,
      url,
      tls,
      credentials: own,
      budget: ledger.open({ upstream: name, endpoint: new URL(url).host, reserve }),
    });
  // An alternate gets nothing by which the registry itself knows us.
  const others = alternates.map((one) => open(one.url, one.credentials ?? [], { ca: options.tls?.ca }));
  const hedgeAfterMs = options.hedgeAfterMs ?? defaultHedgeAfterMs;
  return withAlternates(open(options.url, credentials, options.tls), others, { metrics, hedgeAfterMs });
}

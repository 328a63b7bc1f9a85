// Stacks the transports of one registry: account, authorization, retries, redirects. Extra connections for a blob use
// the same accounts and tokens, but change no pause and no budget.
import type { EndpointBudget } from '../budget/budget.ts';
import type { CredentialSource } from '../credentials/credential-source.ts';
import { createMemoryTokenCache, type TokenCache } from '../token-cache.ts';
import { createAccount } from '../transport/account.ts';
import { attemptLayers, type MeasureOptions, readAndObserve, refuseEncoded } from '../transport/attempt-layers.ts';
import { authorize } from '../transport/authorize.ts';
import { chooseAccount } from '../transport/choose-account.ts';
import type { ConnectionSlots } from '../transport/connection-slots.ts';
import { followRedirects } from '../transport/follow-redirects.ts';
import { createTokenSource } from '../transport/token-source.ts';
import { compose, type Transport, type TransportLayer } from '../transport/transport.ts';

export interface StackOptions extends MeasureOptions {
  readonly credentials: readonly CredentialSource[];
  readonly budget: EndpointBudget;
  readonly isCurrent?: (() => boolean) | undefined;
  readonly tokens?: TokenCache | undefined;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly slots: ConnectionSlots;
  readonly dial: Transport;
}

export interface Stacks {
  readonly transport: Transport;
  /** Sends a request without retries, and only if a connection is free. The response changes no pause and no budget. */
  readonly extra: Transport;
}

export function stackTransports({ upstream, slots, dial, budget, clock, ...options }: StackOptions): Stacks {
  const { metrics, log, credentials, isCurrent, tokens: cache = createMemoryTokenCache() } = options;
  const attempts = attemptLayers({ upstream, ...options });
  const tokenTransport = compose([...attempts, slots.first], dial);
  const sources = credentials.length === 0 ? [undefined] : credentials;
  const accounts = sources.map((source) => {
    const account = createAccount({ upstream, source, isCurrent, metrics, log, clock });
    return { account, tokens: createTokenSource({ upstream, account, cache, transport: tokenTransport, clock }) };
  });
  const stack = (layers: readonly TransportLayer[], slot: TransportLayer, charged: EndpointBudget): Transport => {
    const transport = compose([...layers, followRedirects(upstream), slot], dial);
    const byAccount = accounts.map(
      ({ account, tokens }) => [account.name, compose([authorize({ upstream, account, tokens })], transport)] as const,
    );
    return chooseAccount({ accounts: new Map(byAccount), budget: charged, clock });
  };
  const once = [...readAndObserve({ upstream, ...options }), refuseEncoded(upstream)];
  return { transport: stack(attempts, slots.first, budget), extra: stack(once, slots.extra, admitOnly(budget)) };
}

const ignore: EndpointBudget['throttled'] = async ({ retryAfterMs = 0 }) => retryAfterMs;

function admitOnly({ admit }: EndpointBudget): EndpointBudget {
  return {
    admit,
    report: async () => {},
    exhausted: (_account, _rateLimit, answer) => ignore(answer),
    throttled: ignore,
    close() {},
  };
}

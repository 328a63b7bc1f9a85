// The way to an upstream for questions in callers' names. An answer to one caller is about that caller. So these questions
// have connections, retries, pauses and breakers of their own, and change nothing for the upstream's own calls.
import { createHash } from 'node:crypto';
import type { RepositoryName } from '@cistern/oci';
import type { EndpointBudget } from '../budget/budget-ledger.ts';
import { type SilenceOptions, watchSilence } from '../health/silence.ts';
import { attemptLayers, type MeasureOptions } from '../transport/attempt-layers.ts';
import { compose } from '../transport/compose.ts';
import { followRedirects } from '../transport/follow-redirects.ts';
import type { Transport, TransportLayer } from '../transport/transport.ts';
import type { CallerCredentials } from '../caller-credentials.ts';
import { createCallerRest } from './caller-rest.ts';
import { type CallerTransport, createCallerTransport } from './caller-transport.ts';

export interface CallersOptions extends MeasureOptions, Pick<SilenceOptions, 'silenceMs' | 'ping'> {
  /** Over connections that no other request takes. */
  readonly dial: Transport;
  /** Belongs to the upstream's own accounts: during a pause of theirs our address asks nothing for callers either. */
  readonly budget: EndpointBudget;
  /** Refuses while the upstream's own breaker is open. It does not count the calls that pass. */
  readonly guard: TransportLayer;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

export interface Callers {
  transportOf(caller: CallerCredentials, repository: RepositoryName): CallerTransport;
  close(): void;
}

/** Callers and repositories; of those, the last to be asked about. */
const maxRemembered = 10_000;

interface Queue {
  readonly rest: TransportLayer;
  readonly attempts: readonly TransportLayer[];
}

export function openCallers(options: CallersOptions): Callers {
  const { upstream, budget, guard, clock, silenceMs, ping } = options;
  const lanes = new Map<string, Queue>();
  // A ping is asked in no caller's name, so its silence is about the upstream.
  const silence = watchSilence({ upstream, silenceMs, ping });
  const listen: TransportLayer = (next) => async (request) => {
    const response = await next(request);
    silence.heard();
    return response;
  };
  const dial = listen(options.dial);
  const countBytes = (bytes: number): void => {
    options.countBytes(bytes);
    silence.heard();
  };

  function queueNameOf(caller: CallerCredentials, repository: RepositoryName): Queue {
    const key = createHash('sha256')
      .update(JSON.stringify([repository, caller]))
      .digest('base64');
    const lane = lanes.get(key) ?? {
      rest: createCallerRest({ upstream, clock }),
      attempts: attemptLayers({ ...options, countBytes }),
    };
    lanes.delete(key);
    lanes.set(key, lane);
    const oldest = lanes.keys().next();
    if (lanes.size > maxRemembered && oldest.done !== true) lanes.delete(oldest.value);
    return lane;
  }

  const admit: TransportLayer = (next) => async (request) => {
    await budget.admit({ purpose: 'cold', kind: 'other' }, ['caller']);
    return next(request);
  };

  return {
    transportOf(caller, repository) {
      const { rest, attempts } = queueNameOf(caller, repository);
      const tokenTransport = compose(attempts, dial);
      const transport = compose([...attempts, followRedirects(upstream)], dial);
      const { send, isProven } = createCallerTransport({ upstream, transport, tokenTransport, clock }, caller);
      return { send: compose([admit, guard, rest, silence.layer], send), isProven };
    },
    close: () => silence.close(),
  };
}

// Who was let in to upstreams that verify their callers.
import { Counter, type Registry } from 'prom-client';
import { accessResults } from './label-values.ts';

export interface AccessMetrics {
  /** `remembered`: the upstream had let the caller in some minutes before. `failed`: nobody could be asked. */
  readonly accessChecks: Counter<'upstream' | 'result'>;
}

export function createAccessMetrics(registry: Registry, upstreams: readonly string[]): AccessMetrics {
  const accessChecks = new Counter({
    name: 'cistern_access_checks_total',
    help: 'Requests for upstreams that verify their callers, by what came of it: allowed or refused by the upstream, remembered, limited because there were too many, or failed because it could not be asked.',
    labelNames: ['upstream', 'result'],
    registers: [registry],
  });
  for (const upstream of upstreams) for (const result of accessResults) accessChecks.inc({ upstream, result }, 0);
  return { accessChecks };
}

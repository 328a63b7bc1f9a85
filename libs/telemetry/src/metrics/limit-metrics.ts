// Who wanted more of this cache than one client may have.
import { Counter, type Registry } from 'prom-client';

export interface LimitMetrics {
  readonly limited: Counter<'limit'>;
}

export function createLimitMetrics(registry: Registry): LimitMetrics {
  const limited = new Counter({
    name: 'cistern_limited_total',
    help: 'Requests and connections refused because their client was beyond a limit, by limit.',
    labelNames: ['limit'],
    registers: [registry],
  });
  for (const limit of ['requests', 'bytes', 'connections']) limited.inc({ limit }, 0);
  return { limited };
}

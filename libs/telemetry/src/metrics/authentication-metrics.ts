// Who comes in, and who does not.
import { Counter, type Registry } from 'prom-client';
import { authenticationMethods, authenticationResults } from './label-values.ts';

export interface AuthenticationMetrics {
  readonly authentications: Counter<'method' | 'result'>;
}

export function createAuthenticationMetrics(registry: Registry): AuthenticationMetrics {
  const authentications = new Counter({
    name: 'cistern_authentications_total',
    help: 'Requests of clients by what they showed of themselves, and what came of it.',
    labelNames: ['method', 'result'],
    registers: [registry],
  });
  for (const method of authenticationMethods)
    for (const result of authenticationResults) authentications.inc({ method, result }, 0);
  return { authentications };
}

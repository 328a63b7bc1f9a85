// The TLS that clients are served with.
import { Counter, Gauge, type Registry } from 'prom-client';

const orderResults = ['issued', 'failed'] as const;
const reloadResults = ['done', 'failed'] as const;
/** `client-certificate`: none, or one that is not accepted. `abandoned`: the client left. `protocol`: all else. */
const handshakeReasons = ['client-certificate', 'abandoned', 'protocol'] as const;

export interface TlsMetrics {
  /** Seconds since the epoch. Not there before a certificate is. */
  readonly certificateExpiry: Gauge<'listener'>;
  readonly certificateReloads: Counter<'result'>;
  readonly handshakeFailures: Counter<'reason'>;
  readonly acmeOrders: Counter<'result'>;
}

export function createTlsMetrics(registry: Registry): TlsMetrics {
  const registers = [registry];
  const certificateReloads = new Counter({
    name: 'cistern_tls_certificate_reloads_total',
    help: 'Certificates that took the place of another, and those that could not.',
    labelNames: ['result'],
    registers,
  });
  for (const result of reloadResults) certificateReloads.inc({ result }, 0);
  const handshakeFailures = new Counter({
    name: 'cistern_tls_handshake_failures_total',
    help: 'TLS handshakes with clients that did not succeed.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of handshakeReasons) handshakeFailures.inc({ reason }, 0);
  const acmeOrders = new Counter({
    name: 'cistern_acme_orders_total',
    help: 'Certificates that were ordered of the ACME authority by this process.',
    labelNames: ['result'],
    registers,
  });
  for (const result of orderResults) acmeOrders.inc({ result }, 0);
  return {
    certificateExpiry: new Gauge({
      name: 'cistern_tls_certificate_expiry_timestamp_seconds',
      help: 'When the certificate that is served expires.',
      labelNames: ['listener'],
      registers,
    }),
    certificateReloads,
    handshakeFailures,
    acmeOrders,
  };
}

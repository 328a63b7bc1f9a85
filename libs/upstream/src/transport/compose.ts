// Stacks layers on a transport. The first layer sees a request first and its response last.
import type { Transport, TransportLayer } from './transport.ts';

export function compose(layers: readonly TransportLayer[], transport: Transport): Transport {
  return layers.reduceRight((next, layer) => layer(next), transport);
}

// Connections between the nodes of one cluster.
import { Agent, buildConnector } from 'undici';

/** For workers whose address begins with `https:`. PEM; `certificate` and `key` where they ask for a certificate. */
export interface PeerTls {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** Also how long a dead machine costs whoever waits. */
const connectMs = 1_000;

/** Pooled for each worker. The caller closes it. */
export function openPeerAgent(tls: PeerTls | undefined): Agent {
  return new Agent({
    connect: buildConnector({
      timeout: connectMs,
      keepAlive: true,
      keepAliveInitialDelay: 5_000,
      ...(tls?.ca !== undefined && { ca: tls.ca }),
      ...(tls?.certificate !== undefined && { cert: tls.certificate }),
      ...(tls?.key !== undefined && { key: tls.key }),
    }),
    pipelining: 1,
  });
}

// Small questions to workers, and their answers.
import { Agent, buildConnector } from 'undici';
import { connectMs, type PeerTls } from '@cistern/fills';

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

import type { Config } from '@cistern/config';

/** What a node shows and believes when it connects to a worker. */
export function peerTlsOf({ tls }: Pick<Config['worker'], 'tls'>) {
  const { ca, certificate, key } = tls ?? {};
  return { ca, ...(ca !== undefined && { certificate, key: key?.reveal() }) };
}

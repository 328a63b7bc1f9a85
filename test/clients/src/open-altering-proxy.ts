// A misconfigured proxy in front of a cache, which changes requests and responses.
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as sendRequest,
  type ServerOptions,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Owner } from '@cistern/single-node/open-stage';

export interface Alteration {
  readonly url?: (url: string) => string;
  readonly request?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders;
  readonly response?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders;
  readonly server?: ServerOptions;
}

/** Returns its URL. The owner closes it. */
export async function openAlteringProxy(owner: Owner, target: string, alteration: Alteration): Promise<string> {
  const {
    url = (same) => same,
    request: onRequest = (same) => same,
    response: onResponse = (same) => same,
  } = alteration;
  const server = createServer({ maxHeaderSize: 65_536, ...alteration.server }, (incoming, outgoing) => {
    void (async () => {
      const sent = sendRequest(new URL(url(incoming.url ?? ''), target), {
        method: incoming.method ?? 'GET',
        headers: onRequest(incoming.headers),
        agent: false,
      });
      sent.end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      outgoing.writeHead(answer.statusCode ?? 502, onResponse(answer.headers));
      await pipeline(answer, outgoing);
    })().catch(() => outgoing.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  owner.after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

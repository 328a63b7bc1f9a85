// A listener whose app is made when somebody asks for it. A server with many routes that few processes are ever asked for
// would take memory of all of them.
import type { RequestListener } from 'node:http';
import type { Logger } from '@cistern/telemetry';
import { createHttpApp } from './create-http-app.ts';
import { createHttpServer } from './create-http-server.ts';
import type { HttpApp } from './listen.ts';

/** What is needed of a Fastify instance that is ready and does not listen by itself. */
export interface LateApp {
  readonly routing: RequestListener;
  close(): Promise<unknown>;
}

/** `open` is called with the first request; if it rejects that one gets 500, and the next one calls it again. */
export function createLateHttpApp(open: () => Promise<LateApp>, log: Pick<Logger, 'error'>): HttpApp {
  let opened: Promise<LateApp> | undefined;
  const server = createHttpServer((request, response) => {
    opened ??= open();
    opened.then(
      ({ routing }) => routing(request, response),
      (error: unknown) => {
        opened = undefined;
        log.error({ err: error }, 'a listener has nothing to answer with');
        response.writeHead(500).end();
      },
    );
  });
  const app = createHttpApp(server);
  return {
    ...app,
    // The app first: it ends answers that would go on for as long as somebody listens.
    async close() {
      const closed = app.close();
      await opened?.then((late) => late.close()).catch(() => {});
      await closed;
    },
  };
}

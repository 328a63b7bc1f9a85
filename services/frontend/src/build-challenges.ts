// The listener on which an ACME authority asks whether names lead here (`http-01`, RFC 8555, section 8.3), and nothing else.
import type { FrontendAssembly } from './wiring/wire-frontend.ts';
import type { Config } from '@cistern/config';
import { type Listener, withoutSchemas } from '@cistern/runtime/process';
import { fastify } from 'fastify';

/** `undefined`: nobody asks here. */
export function buildChallenges(
  { http: { tls, reusePort } }: Pick<Config, 'http'>,
  { answerChallenge }: Pick<FrontendAssembly, 'answerChallenge'>,
): Listener | undefined {
  const { certificates } = tls ?? {};
  if (answerChallenge === undefined || certificates?.kind !== 'acme' || certificates.challenge.kind !== 'http-01')
    return undefined;
  const app = fastify({
    ...withoutSchemas,
    logger: false,
    forceCloseConnections: true,
    requestTimeout: 10_000,
    bodyLimit: 1,
  });
  app.get<{ Params: { token: string } }>('/.well-known/acme-challenge/:token', async ({ params }, reply) => {
    const answer = await answerChallenge(params.token);
    if (answer === undefined) return reply.code(404).type('text/plain').send('There is no such challenge.\n');
    return reply.type('application/octet-stream').header('cache-control', 'no-store').send(answer);
  });
  return { app, address: certificates.challenge.address, key: 'http.tls.letsencrypt.httpaddr', reusePort };
}

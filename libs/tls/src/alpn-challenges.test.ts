// real-time: acme-tls/1 is negotiated on a socket of the system, not over a stream
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { createAlpnCertificate } from './acme/shared-identity.ts';
import type { Identity } from './identity-files.ts';
import { openServerTls } from './open-server-tls.ts';
import { makeAuthority } from './testing/make-authority.ts';
import { serveBy } from './testing/serve-by.ts';

const pair = await (await makeAuthority()).issue(['DNS:one.test']);
const answer = 'token.thumbprint';
const proofs = [{ host: 'one.test', pair: await createAlpnCertificate({ host: 'one.test', token: 'token', answer }) }];

async function start(t: TestContext, first: Identity) {
  let identity = first;
  const tls = await openServerTls({
    load: async () => identity,
    minimumVersion: 'TLSv1.2',
    ciphers: undefined,
    clientCertificateIsOptional: false,
    log: createLogger({ level: 'error', formatter: 'json' }),
    metrics: createMetrics(),
    reloadEveryMs: 3_600_000,
  });
  const port = await serveBy(t, tls);
  const shake = async (options: ConnectionOptions): Promise<TLSSocket> => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'one.test', rejectUnauthorized: false, ...options });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const change = async (next: Identity) => {
    identity = next;
    await tls.reload();
  };
  return { shake, change };
}

const validator = { ALPNProtocols: ['acme-tls/1'] };

test('the authority gets its proof before the first certificate and alongside a certificate', async (t) => {
  const { shake, change } = await start(t, { pair: undefined, clientAuthorities: [], proofs });
  for (const servername of ['one.test', 'ONE.test']) {
    const socket = await shake({ ...validator, servername });
    assert.equal(socket.alpnProtocol, 'acme-tls/1');
    assert.deepEqual(socket.getPeerX509Certificate()?.subjectAltName, 'DNS:one.test');
    assert.equal(socket.getPeerX509Certificate()?.issuer, 'CN=one.test');
    await once(socket.resume(), 'close');
  }
  await assert.rejects(shake({}), 'clients do not get the proof');
  await change({ pair, clientAuthorities: [], proofs });
  assert.equal((await shake(validator)).getPeerX509Certificate()?.issuer, 'CN=one.test');
  for (const options of [{}, { ALPNProtocols: ['h2', 'http/1.1'] }, { servername: '' }])
    assert.equal((await shake(options)).getPeerX509Certificate()?.issuer, 'CN=test authority');
});

test('a handshake for a name without a proof is rejected', async (t) => {
  const { shake, change } = await start(t, { pair, clientAuthorities: [], proofs });
  await assert.rejects(shake({ ...validator, servername: 'two.test' }));
  await assert.rejects(shake({ ALPNProtocols: ['h2'] }));
  await change({ pair, clientAuthorities: [], proofs: [] });
  await assert.rejects(shake(validator));
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions } from 'node:tls';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { type Identity, identityFiles } from './identity-files.ts';
import { openServerTls, type ServerTlsOptions } from './open-server-tls.ts';
import { makeAuthority } from './testing/make-authority.ts';
import { serveBy } from './testing/serve-by.ts';

const authority = await makeAuthority();
const stranger = await makeAuthority();
const first = await authority.issue(['IP:127.0.0.1', 'DNS:first.test']);
const second = await authority.issue(['IP:127.0.0.1', 'DNS:second.test']);

async function start(t: TestContext, options: Partial<ServerTlsOptions> = {}, clientAuthority?: string) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-tls-'));
  t.after(() => rm(directory, { recursive: true }));
  const [certificate, key, clientCa] = [join(directory, 'crt'), join(directory, 'key'), join(directory, 'ca')];
  await writeFile(certificate, first.certificate);
  await writeFile(key, first.key);
  await writeFile(clientCa, clientAuthority ?? '');
  const lines: string[] = [];
  const metrics = createMetrics();
  const tls = await openServerTls({
    load: identityFiles({
      certificate,
      key,
      clientAuthorities: clientAuthority === undefined ? [] : [clientCa],
    }),
    minimumVersion: 'TLSv1.2',
    ciphers: undefined,
    clientCertificateIsOptional: false,
    log: createLogger({ level: 'info', formatter: 'json', destination: { write: (line) => void lines.push(line) } }),
    metrics,
    // Reloads happen only when a test calls `reload`.
    reloadEveryMs: 3_600_000,
    ...options,
  });
  const port = await serveBy(t, tls);
  return { tls, port, certificate, key, clientCa, lines, metrics };
}

async function ask(port: number, options: ConnectionOptions = {}): Promise<string> {
  const sent = request({ host: '127.0.0.1', port, agent: false, ca: authority.certificate, ...options }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return (await response.toArray()).join('');
}

async function shake(t: TestContext, port: number, options: ConnectionOptions = {}) {
  const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate, ...options });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

const namesOf = async (t: TestContext, port: number) =>
  (await shake(t, port)).getPeerCertificate().subjectaltname?.replace('IP Address:127.0.0.1, DNS:', '');

test('a replaced certificate is served from then on, and open connections continue', async (t) => {
  const { tls, port, certificate, key, metrics } = await start(t);
  const old = await shake(t, port);
  await writeFile(key, second.key);
  await writeFile(certificate, second.certificate);
  await tls.reload();
  assert.equal(await namesOf(t, port), 'second.test');
  old.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const [answer] = (await once(old, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
  const text = await metrics.registry.metrics();
  assert.match(text, /^cistern_tls_certificate_reloads_total\{result="done"\} 1$/m);
  const expiry = Number(/^cistern_tls_certificate_expiry_timestamp_seconds\{listener="http"\} (\d+)$/m.exec(text)?.[1]);
  assert.ok(Math.abs(expiry - Date.now() / 1000 - 2 * 86_400) < 3600);
});

test('changed files are loaded automatically', async (t) => {
  const { port, certificate, key } = await start(t, { reloadEveryMs: 20 });
  await writeFile(key, second.key);
  await writeFile(certificate, second.certificate);
  while ((await namesOf(t, port)) !== 'second.test');
});

test('a broken certificate is logged once, the previous one is served, and a fixed one is loaded', async (t) => {
  const { tls, port, certificate, key, metrics, lines } = await start(t, {
    place: { setting: 'http.tls.certificate', path: '/here.pem' },
  });
  const failures = () => lines.filter((line) => line.includes('failed to load new certificate'));
  for (const [text, problem] of [
    ['', /not a PEM certificate/],
    [second.certificate, /does not match the certificate/],
    ['-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----', /not a PEM certificate/],
  ] as const) {
    const before = failures().length;
    await writeFile(certificate, text);
    await tls.reload();
    assert.equal(failures().length, before, 'the other file may follow');
    await tls.reload();
    await tls.reload();
    assert.equal(failures().length, before + 1);
    assert.match(failures().at(-1) ?? '', problem);
    assert.match(failures().at(-1) ?? '', /"setting":"http\.tls\.certificate","path":"\/here\.pem"/);
    assert.equal(await namesOf(t, port), 'first.test');
  }
  await rm(certificate);
  await tls.reload();
  await tls.reload();
  assert.match(failures().at(-1) ?? '', /ENOENT/);
  await writeFile(certificate, second.certificate);
  await writeFile(key, second.key);
  await tls.reload();
  assert.equal(await namesOf(t, port), 'second.test');
  const text = await metrics.registry.metrics();
  assert.match(text, /^cistern_tls_certificate_reloads_total\{result="failed"\} 4$/m);
  assert.doesNotMatch(lines.join(''), /PRIVATE KEY/);
});

test('a broken certificate at startup rejects', async (t) => {
  const startWith = (identity: Identity) => start(t, { load: async () => identity });
  const pair = { certificate: first.certificate, key: second.key };
  for (const [identity, message] of [
    [{ pair, clientAuthorities: [], proofs: [] }, /does not match the certificate/],
    [{ pair: first, clientAuthorities: ['nothing'], proofs: [] }, /client authorities/],
  ] as const)
    await assert.rejects(startWith(identity), { name: 'CertificateError', message });
});

test('handshakes fail before the first certificate, and succeed after it', async (t) => {
  let identity: Identity = { pair: undefined, clientAuthorities: [], proofs: [] };
  const { tls, port } = await start(t, { load: async () => identity });
  await assert.rejects(ask(port), /handshake failure|ECONNRESET/i);
  identity = { ...identity, pair: second };
  await tls.reload();
  assert.equal(await ask(port), 'hello');
});

test('with client authorities only clients with a certificate of one can connect', async (t) => {
  const { tls, port, clientCa, lines, metrics } = await start(t, {}, authority.certificate);
  const mine = await authority.issue(['DNS:client.test']);
  const foreign = await stranger.issue(['DNS:client.test']);
  const show = ({ certificate, key }: typeof mine) => ask(port, { cert: certificate, key });
  assert.equal(await show(mine), 'hello');
  await assert.rejects(show(foreign));
  await assert.rejects(ask(port));
  const refusals = lines
    .filter((line) => line.includes('rejected client certificate'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    refusals.map(({ reason }) => reason),
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
  );
  const refused = /^cistern_tls_handshake_failures_total\{reason="client-certificate"\} 2$/m;
  assert.match(await metrics.registry.metrics(), refused);
  await writeFile(clientCa, stranger.certificate);
  await tls.reload();
  assert.equal(await show(foreign), 'hello');
  await assert.rejects(show(mine));
});

test('a client without a certificate gets no session to resume', async (t) => {
  const { port } = await start(t, {}, authority.certificate);
  const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate });
  let sessions = 0;
  socket.on('session', () => (sessions += 1)).on('error', () => {});
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.once('close', () => resolve()).resume();
  await closed;
  assert.equal(sessions, 0);
});

test('an untrusted certificate is rejected even if certificates are optional', async (t) => {
  const { port } = await start(t, { clientCertificateIsOptional: true }, authority.certificate);
  const mine = await authority.issue(['DNS:client.test']);
  const foreign = await stranger.issue(['DNS:client.test']);
  assert.equal(await ask(port), 'hello');
  assert.equal(await ask(port, { cert: mine.certificate, key: mine.key }), 'hello');
  await assert.rejects(ask(port, { cert: foreign.certificate, key: foreign.key }));
});

test('all default suites have forward secrecy and authenticated encryption', async (t) => {
  const { port } = await start(t);
  for (const ciphers of ['AES256-SHA', 'AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-SHA', 'DHE-RSA-AES256-GCM-SHA384'])
    await assert.rejects(ask(port, { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` }), ciphers);
  for (const ciphers of ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'])
    assert.equal((await shake(t, port, { maxVersion: 'TLSv1.2', ciphers })).getCipher().name, ciphers);
  for (const ciphers of ['TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_256_GCM_SHA384'])
    assert.equal((await shake(t, port, { minVersion: 'TLSv1.3', ciphers })).getCipher().name, ciphers);
});

test('versions and cipher suites follow the options, and only HTTP/1.1 is offered', async (t) => {
  const { port } = await start(t, { minimumVersion: 'TLSv1.3' });
  await assert.rejects(ask(port, { maxVersion: 'TLSv1.2' }));
  const limited = await start(t, { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384' });
  const old = await shake(t, limited.port, { maxVersion: 'TLSv1.2' });
  assert.equal(old.getCipher().name, 'ECDHE-ECDSA-AES256-GCM-SHA384');
  await assert.rejects(ask(limited.port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }));
  const both = await shake(t, port, { ALPNProtocols: ['h2', 'http/1.1'] });
  assert.equal(both.alpnProtocol, 'http/1.1');
});

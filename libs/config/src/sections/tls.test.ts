import assert from 'node:assert/strict';
import { getCiphers } from 'node:tls';
import { test } from 'node:test';
import { load, makeKeyPair, problemPaths, problemsOf } from '../testing.ts';
import { cipherSuites, ciphersOf } from './tls.ts';

const pem = makeKeyPair();
const files = { '/c': pem, '/k': pem, '/ca': pem, '/other': makeKeyPair(), '/text': 'hello' };
const tlsOf = (text: string) => load(`http: {tls: {${text}}}`, { files }).http.tls;
const problems = (text: string) => problemPaths(`http: {tls: {${text}}}`, { files });

test('a certificate and its key are sufficient', () => {
  assert.deepEqual(tlsOf('certificate: /c, key: /k'), {
    certificates: { kind: 'files', certificate: '/c', key: '/k' },
    clientAuthorities: [],
    clientCertificateIsOptional: false,
    minimumVersion: 'TLSv1.2',
    ciphers: undefined,
  });
  assert.equal(tlsOf(''), undefined);
});

test('client authorities, versions and cipher suites are accepted', () => {
  const pair = 'certificate: /c, key: /k';
  const { clientAuthorities, minimumVersion, ciphers } =
    tlsOf(`${pair}, clientcas: /ca, minimumtls: tls1.3, ciphersuites: [TLS_AES_256_GCM_SHA384]`) ?? assert.fail();
  assert.deepEqual(clientAuthorities, ['/ca']);
  assert.equal(minimumVersion, 'TLSv1.3');
  assert.equal(ciphers, 'TLS_AES_256_GCM_SHA384');
  assert.equal(
    tlsOf(`${pair}, clientcas: [/ca], clientauth: verify-client-cert-if-given`)?.clientCertificateIsOptional,
    true,
  );
  assert.deepEqual(tlsOf(`${pair}, clientcas: [/ca], clientauth: request-client-cert`)?.clientAuthorities, []);
  const { warnings } = load(`http: {tls: {${pair}, minimumtls: tls1.0}}`, { files });
  assert.deepEqual(
    warnings.map(({ path }) => path),
    ['http.tls.minimumtls'],
  );
});

test('files that cannot be served are reported with their key', () => {
  assert.deepEqual(problems('certificate: /c'), ['http.tls.key']);
  assert.deepEqual(problems('key: /k'), ['http.tls.certificate']);
  assert.deepEqual(problems('clientcas: [/ca]'), ['http.tls.certificate']);
  assert.deepEqual(problems('certificate: /gone, key: /k'), ['http.tls.certificate']);
  assert.deepEqual(problems('certificate: /text, key: /text'), ['http.tls.certificate', 'http.tls.key']);
  assert.deepEqual(problems('certificate: /c, key: /other'), ['http.tls.key']);
  assert.deepEqual(problems('certificate: /c, key: /k, clientcas: [/gone]'), ['http.tls.clientcas']);
  assert.deepEqual(problems('certificate: /c, key: /k, clientauth: require-any-client-cert'), ['http.tls.clientauth']);
  const [{ message } = assert.fail()] = problemsOf('http: {tls: {certificate: /c, key: /k, ciphersuites: [RC4]}}', {
    files,
  });
  assert.match(message, /must be one of .*TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.*, not "RC4"/);
});

test('this OpenSSL has every cipher suite', () => {
  const known = new Set(getCiphers());
  for (const suite of cipherSuites)
    for (const name of ciphersOf([suite])?.split(':') ?? []) assert.ok(known.has(name.toLowerCase()), name);
});

test('a list of TLS 1.2 suites keeps the default suites of TLS 1.3', () => {
  assert.match(ciphersOf(['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384']) ?? '', /^ECDHE-RSA-AES256-GCM-SHA384:TLS_AES_128/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, makeKeyPair, problemPaths, problemsOf } from '../testing.ts';

const acmeOf = (text: string) => {
  const { certificates } = load(`http: {tls: {letsencrypt: {${text}}}}`).http.tls ?? {};
  return certificates?.kind === 'acme' ? certificates : undefined;
};
const problems = (text: string) => problemPaths(`http: {tls: {letsencrypt: {${text}}}}`);

test("registry:2's keys keep their meaning, and hosts alone are sufficient", () => {
  assert.deepEqual(acmeOf('hosts: [Cache.Example.com, cache.example.com]'), {
    kind: 'acme',
    hosts: ['cache.example.com'],
    email: undefined,
    externalAccount: undefined,
    directoryUrl: 'https://acme-v02.api.letsencrypt.org/directory',
    directory: undefined,
    challenge: { kind: 'tls-alpn-01' },
  });
  const { email, directory, directoryUrl } =
    acmeOf('hosts: [a.test], cachefile: /c, email: me@a.test, directoryurl: "https://ca.test/dir"') ?? assert.fail();
  assert.deepEqual([email, directory, directoryUrl], ['me@a.test', '/c', 'https://ca.test/dir']);
  assert.equal(acmeOf(''), undefined);
});

test('the challenges http-01 and dns-01 have their own keys', () => {
  assert.deepEqual(acmeOf('hosts: a.test, challenge: http-01, httpaddr: ":8080"')?.challenge, {
    kind: 'http-01',
    address: { kind: 'tcp', host: undefined, port: 8080 },
  });
  const dns = acmeOf('hosts: ["*.a.test", a.test], challenge: dns-01, dnshook: /hook, dnswait: 2m');
  assert.deepEqual(dns?.hosts, ['*.a.test', 'a.test']);
  assert.deepEqual(dns.challenge, { kind: 'dns-01', program: '/hook', waitMs: 120_000 });
});

test('hosts and challenges that cannot be proven are rejected', () => {
  assert.deepEqual(problems('cachefile: /c'), ['http.tls.letsencrypt.hosts']);
  for (const host of ['10.0.0.1', '"*.a.test"', 'a..test', 'a_b.test', '"https://a.test"'])
    assert.deepEqual(problems(`hosts: [${host}]`), ['http.tls.letsencrypt.hosts'], host);
  assert.deepEqual(problems('hosts: [a.test], directoryurl: "http://ca.test"'), ['http.tls.letsencrypt.directoryurl']);
  assert.deepEqual(problems('hosts: [a.test], challenge: dns-01'), ['http.tls.letsencrypt.dnshook']);
  assert.deepEqual(problems('hosts: [a.test], dnshook: /hook'), ['http.tls.letsencrypt.dnshook']);
  assert.deepEqual(problems('hosts: [a.test], challenge: http-01, httpaddr: "80"'), ['http.tls.letsencrypt.httpaddr']);
  const [{ message } = assert.fail()] = problemsOf(
    'http: {tls: {letsencrypt: {hosts: [a.test], challenge: tls-sni-01}}}',
  );
  assert.match(message, /must be one of tls-alpn-01, http-01, dns-01/);
});

test('external account binding needs both a key id and a key', () => {
  const bound = acmeOf('hosts: [a.test], eabkid: us, eabhmackey: c2VjcmV0')?.externalAccount;
  assert.deepEqual([bound?.kid, bound?.hmacKey.reveal()], ['us', 'c2VjcmV0']);
  assert.doesNotMatch(JSON.stringify(bound), /c2VjcmV0/);
  assert.deepEqual(problems('hosts: [a.test], eabkid: us'), ['http.tls.letsencrypt.eabhmackey']);
  assert.deepEqual(problems('hosts: [a.test], eabhmackey: c2VjcmV0'), ['http.tls.letsencrypt.eabkid']);
  assert.deepEqual(problems('hosts: [a.test], eabkid: us, eabhmackey: "no key"'), ['http.tls.letsencrypt.eabhmackey']);
});

test('certificate files take precedence over ACME with a warning, as in registry:2', () => {
  const files = { '/p': makeKeyPair() };
  const { http, warnings } = load('http: {tls: {certificate: /p, key: /p, letsencrypt: {hosts: [a.test]}}}', { files });
  assert.equal(http.tls?.certificates.kind, 'files');
  assert.deepEqual(
    warnings.map(({ path }) => path),
    ['http.tls.letsencrypt'],
  );
});

// The section `http.tls`: TLS for clients. It has the keys of registry:2 and registry 3.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { z } from 'zod';
import { choice, filePath, listOf, openSection } from '../values/values.ts';
import { type AcmeConfig, buildAcme, letsEncryptSection } from './acme.ts';
import { readKeyPair, readNamedFile, type SectionContext } from './context.ts';

// Maps IANA's names of cipher suites, which registry:2's configuration uses, to OpenSSL's names.
const tls12 = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
} as const;

const tls13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const;

type CipherSuite = keyof typeof tls12 | (typeof tls13)[number];

export const cipherSuites: readonly CipherSuite[] = [...(Object.keys(tls12) as (keyof typeof tls12)[]), ...tls13];

export const tlsSection = openSection(
  { text: 'TLS for clients. The files are read again when they change.', default: 'plain HTTP' },
  {
    certificate: filePath('PEM file of the certificate and its chain.').optional(),
    key: filePath('PEM file of its private key.').optional(),
    clientcas: listOf(
      'PEM files of CA certificates. Clients must send a certificate of one of them (mutual TLS).',
      filePath('A PEM file.'),
    ).prefault([]),
    clientauth: choice(
      'With `clientcas`: whether clients need a certificate. `request-client-cert` is accepted for registry:2; no certificate is requested.',
      ['require-and-verify-client-cert', 'verify-client-cert-if-given', 'request-client-cert'],
    ).prefault('require-and-verify-client-cert'),
    minimumtls: choice('The lowest version of TLS.', ['tls1.0', 'tls1.1', 'tls1.2', 'tls1.3']).prefault('tls1.2'),
    ciphersuites: listOf(
      {
        text: 'The allowed cipher suites, the preferred first. A list without suites of TLS 1.3 allows all of those.',
        default: 'all of TLS 1.3; of TLS 1.2 those with ECDHE and with AES-GCM or ChaCha20-Poly1305',
      },
      choice('A name.', cipherSuites),
    ).prefault([]),
    letsencrypt: letsEncryptSection,
  },
).optional();

export interface TlsConfig {
  /** `certificate` and `key` are paths of PEM files. */
  readonly certificates:
    | { readonly kind: 'files'; readonly certificate: string; readonly key: string }
    | ({ readonly kind: 'acme' } & AcmeConfig);
  /** Paths of PEM files with CA certificates. Empty means that no certificates are requested from clients. */
  readonly clientAuthorities: readonly string[];
  /** True if clients without a certificate may connect although `clientAuthorities` is not empty. */
  readonly clientCertificateIsOptional: boolean;
  readonly minimumVersion: 'TLSv1.2' | 'TLSv1.3';
  /** In OpenSSL's notation. `undefined` means the default. */
  readonly ciphers: string | undefined;
}

const path = 'http.tls';

export function buildTls(
  tls: NonNullable<z.output<typeof tlsSection>>,
  context: SectionContext,
): TlsConfig | undefined {
  const { certificate, key, clientcas, clientauth, minimumtls, ciphersuites } = tls;
  const pair = readKeyPair(context, path, { certificate, key });
  if (pair !== undefined) checkKeyPair(pair.certificate, pair.key.reveal(), context);
  for (const authority of clientcas) readNamedFile(context, `${path}.clientcas`, authority);
  if (['tls1.0', 'tls1.1'].includes(minimumtls))
    context.warn(`${path}.minimumtls`, 'TLS 1.0 and 1.1 are broken and not supported: the lowest version is 1.2');
  const certificates = chooseCertificates(tls, context);
  if (certificates === undefined) return undefined;
  return {
    certificates,
    clientAuthorities: clientauth === 'request-client-cert' ? [] : clientcas,
    clientCertificateIsOptional: clientauth === 'verify-client-cert-if-given',
    minimumVersion: minimumtls === 'tls1.3' ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: ciphersOf(ciphersuites),
  };
}

function chooseCertificates(
  { certificate, key, clientcas, ciphersuites, letsencrypt }: NonNullable<z.output<typeof tlsSection>>,
  context: SectionContext,
): TlsConfig['certificates'] | undefined {
  const acme = buildAcme(letsencrypt, context);
  if (certificate !== undefined && key !== undefined) {
    if (acme !== undefined)
      context.warn(`${path}.letsencrypt`, 'has no effect, because certificate and key are set, as in registry:2');
    return { kind: 'files', certificate, key };
  }
  if (acme !== undefined) return { kind: 'acme', ...acme };
  // As in registry:2, an empty section counts as absent. Each of these keys requests TLS, which needs a certificate.
  if (clientcas.length > 0 || ciphersuites.length > 0)
    context.report(`${path}.certificate`, 'is required for TLS, together with key; or set letsencrypt');
  return undefined;
}

/** Checks a key pair as the HTTPS server does, so that an invalid pair is found although no server starts. */
function checkKeyPair(certificate: string, key: string, context: SectionContext): void {
  const read = <T>(at: string, problem: string, action: () => T): T | undefined => {
    try {
      return action();
    } catch {
      context.report(`${path}.${at}`, problem);
      return undefined;
    }
  };
  const leaf = read('certificate', 'contains no certificate in PEM', () => new X509Certificate(certificate));
  const privateKey = read('key', 'contains no private key in PEM without a passphrase', () => createPrivateKey(key));
  if (leaf !== undefined && privateKey !== undefined && !leaf.checkPrivateKey(privateKey))
    context.report(`${path}.key`, 'does not match http.tls.certificate: set both to files of one key pair');
}

/**
 * Returns a list for OpenSSL, or `undefined` for an empty list. If `suites` has none of TLS 1.3, adds all of TLS 1.3,
 * as registry:2 does, because all of them are secure.
 */
export function ciphersOf(suites: readonly CipherSuite[]): string | undefined {
  if (suites.length === 0) return undefined;
  const isOfTls13 = (suite: CipherSuite) => (tls13 as readonly string[]).includes(suite);
  const names = suites.map((suite) => (suite in tls12 ? tls12[suite as keyof typeof tls12] : suite));
  return [...names, ...(suites.some(isOfTls13) ? [] : tls13)].join(':');
}

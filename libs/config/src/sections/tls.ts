// The shape of registry:2's `http.tls` section. TLS is refused until it is served.
import { filePath, listOf, openSection, section, text } from '../values.ts';

export const tlsShape = openSection('Serving TLS.', {
  certificate: filePath('PEM file of the certificate and its chain.').optional(),
  key: filePath('PEM file of the private key.').optional(),
  clientcas: listOf('PEM files of the authorities of client certificates.', filePath('A PEM file.')).optional(),
  clientauth: text('Whether client certificates are asked for and verified.').optional(),
  minimumtls: text('The lowest version of TLS.').optional(),
  ciphersuites: listOf('Allowed cipher suites.', text('A name.')).optional(),
  letsencrypt: section("Certificates from Let's Encrypt.", {
    cachefile: filePath('Where certificates are kept.').optional(),
    email: text('The address of the account.').optional(),
    hosts: listOf('Names to get certificates for.', text('A name.')).optional(),
    directoryurl: text('The directory of another authority.').optional(),
    challenge: text('How names are proven.').optional(),
  }),
});

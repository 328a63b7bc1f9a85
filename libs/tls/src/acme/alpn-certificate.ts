// The certificate by which a name is proven with `tls-alpn-01` (RFC 8737): it signs itself and holds the answer.
import type { KeyPair } from '../key-pair.ts';
import type { Proof } from './board.ts';

export async function createAlpnCertificate({ host, answer }: Proof): Promise<KeyPair> {
  const { crypto } = await import('acme-client');
  const key = await crypto.createPrivateEcdsaKey();
  const authorization = { identifier: { type: 'dns', value: host } } as Parameters<
    typeof crypto.createAlpnCertificate
  >[0];
  const [, certificate] = await crypto.createAlpnCertificate(authorization, answer, key);
  return { certificate: certificate.toString(), key: key.toString() };
}

// When a certificate is due for another one.
import { X509Certificate } from 'node:crypto';

/** With a third of its life left: a month of Let's Encrypt's ninety days, and two days of its six. */
const leftShare = 1 / 3;
/** Spread over a twentieth of its life, so that what began together does not stay together. */
const spreadShare = 1 / 20;

/** Milliseconds since the epoch; the same whenever and wherever it is asked. Throws for what is no PEM certificate. */
export function renewalTime(certificate: string): number {
  const { validFromDate, validToDate, fingerprint256 } = new X509Certificate(certificate);
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  const spread = Number.parseInt(fingerprint256.replaceAll(':', '').slice(0, 8), 16) / 2 ** 32;
  return Math.floor(validToDate.getTime() - lifeMs * (leftShare + spreadShare * spread));
}

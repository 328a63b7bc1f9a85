// Whether who sent a webhook knows its secret. All comparisons take the same time whatever is sent.
import { createHmac } from 'node:crypto';
import type { WebhookProvider } from '@cistern/config';
import { isSameSecret } from '@cistern/runtime';

export interface Proof {
  readonly provider: WebhookProvider;
  /** Exactly as it was sent: that is what is signed. */
  readonly body: Buffer;
  /** `X-Hub-Signature-256`. */
  readonly signature: string | undefined;
  readonly authorization: string | undefined;
  /** Of the query. */
  readonly token: string | undefined;
}

/** GitHub signs, and who signs needs not send the secret; the others send it, by a header or in the URL. */
export function isGenuine({ provider, body, signature, authorization, token }: Proof, secret: string): boolean {
  if (provider === 'github' || signature !== undefined)
    return isSameSecret(signature, `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
  return isSameSecret(authorization, `Bearer ${secret}`) || isSameSecret(token, secret);
}

// Orders one certificate from an ACME CA (RFC 8555) with acme-client. The settings of acme-client are module-wide, and
// its requests cannot be aborted. So an aborted order continues in the background until its next check of the signal.
import { untilAborted } from '@cistern/runtime';
import type { Client } from 'acme-client';
import type { KeyPair } from '../key-pair.ts';
import type { Proof } from './acme-state.ts';
import type { Prover } from './prover.ts';

type ChallengeKind = 'http-01' | 'tls-alpn-01' | 'dns-01';

export interface CertificateRequest {
  readonly directoryUrl: string;
  readonly email: string | undefined;
  /**
   * External account binding (RFC 8555, section 7.3.4), with `hmacKey` in base64url. `undefined` means that the CA does
   * not require it.
   */
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | undefined;
  /** The DNS names of the certificate. Wildcards are possible only with `dns-01`. */
  readonly hosts: readonly string[];
  readonly challenge: ChallengeKind;
}

export interface OrderOptions extends CertificateRequest {
  /** The account's private key in PEM. If the CA has no account with this key, one is created. */
  readonly accountKey: string;
  readonly prover: Prover;
  readonly signal: AbortSignal;
}

const requestTimeoutMs = 30_000;
/** The backoff of polling for a status, which takes almost three minutes in total. */
const backoff = { backoffAttempts: 20, backoffMin: 1000, backoffMax: 10_000 };

async function load() {
  const library = await import('acme-client');
  library.axios.defaults.timeout = requestTimeoutMs;
  // No retries here: the process that then has the lease retries a failed order later.
  Object.assign(library.axios.defaults, { acmeSettings: { retryMaxAttempts: 0, retryDefaultDelay: 5 } });
  return library;
}

/** Resolves to a new private key in PEM. */
export async function createAccountKey(): Promise<string> {
  return (await (await load()).crypto.createPrivateEcdsaKey()).toString();
}

/**
 * Resolves to the certificate and its new key. Rejects with the error of the CA or the prover, or with the signal's
 * reason.
 */
export async function orderCertificate(options: OrderOptions): Promise<KeyPair> {
  options.signal.throwIfAborted();
  return untilAborted(place(options), options.signal);
}

/**
 * Looks for the account first. Otherwise acme-client would send an update without changes for an existing account, and
 * CAs reject such an update.
 */
async function openAccount(client: Client, email: string | undefined): Promise<void> {
  const contact = email !== undefined && { contact: [`mailto:${email}`] };
  try {
    await client.createAccount({ onlyReturnExisting: true });
  } catch {
    await client.createAccount({ termsOfServiceAgreed: true, ...contact });
    return;
  }
  if (contact !== false) await client.updateAccount(contact);
}

async function place(options: OrderOptions) {
  const { directoryUrl, email, externalAccount, hosts, challenge, accountKey, prover, signal } = options;
  const { Client, crypto } = await load();
  const binding = externalAccount && { externalAccountBinding: externalAccount };
  const client = new Client({ directoryUrl, accountKey, ...binding, ...backoff });
  await openAccount(client, email);
  const order = await client.createOrder({ identifiers: hosts.map((value) => ({ type: 'dns', value })) });
  // A recently proven name needs no new proof.
  const open = (await client.getAuthorizations(order)).filter(({ status }) => status !== 'valid');
  const challenges = await Promise.all(
    open.map(async ({ identifier, challenges: offered }) => {
      const chosen = offered.find(({ type }) => type === challenge);
      if (chosen === undefined)
        throw new Error(
          `the authority offers no ${challenge} for ${identifier.value}; set another http.tls.letsencrypt.challenge`,
        );
      const answer = await client.getChallengeKeyAuthorization(chosen);
      return { chosen, proof: { host: identifier.value, token: chosen.token, answer } satisfies Proof };
    }),
  );
  const proofs = challenges.map(({ proof }) => proof);
  try {
    if (proofs.length > 0) await prover.present(proofs, signal);
    for (const { chosen } of challenges) await client.completeChallenge(chosen);
    await Promise.all(challenges.map(({ chosen }) => client.waitForValidStatus(chosen)));
  } finally {
    if (proofs.length > 0) await prover.cleanUp(proofs).catch(() => {});
  }
  signal.throwIfAborted();
  const [key, request] = await crypto.createCsr({ altNames: [...hosts] }, await crypto.createPrivateEcdsaKey());
  const certificate = await client.getCertificate(await client.finalizeOrder(order, request));
  return { certificate, key: key.toString() };
}

// Orders one certificate from an ACME authority (RFC 8555) with acme-client. That library has only module-wide settings
// and cannot be aborted. A caller that aborts leaves a request that ends on its own.
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
   * External account binding (RFC 8555, 7.3.4), with `hmacKey` in base64url. `undefined` means that none is required.
   */
  readonly externalAccount: { readonly kid: string; readonly hmacKey: string } | undefined;
  /** DNS names, with `dns-01` also wildcards. */
  readonly hosts: readonly string[];
  readonly challenge: ChallengeKind;
}

export interface OrderOptions extends CertificateRequest {
  /** PEM. An account is created with it if the authority has none. */
  readonly accountKey: string;
  readonly prover: Prover;
  readonly signal: AbortSignal;
}

const requestTimeoutMs = 30_000;
/** The backoff of polling for a status, up to two minutes. */
const backoff = { backoffAttempts: 20, backoffMin: 1000, backoffMax: 10_000 };

async function load() {
  const library = await import('acme-client');
  library.axios.defaults.timeout = requestTimeoutMs;
  // A failed order is retried later, by the process that then has the lease.
  Object.assign(library.axios.defaults, { acmeSettings: { retryMaxAttempts: 0, retryDefaultDelay: 5 } });
  return library;
}

/** Resolves with a key in PEM. */
export async function createAccountKey(): Promise<string> {
  return (await (await load()).crypto.createPrivateEcdsaKey()).toString();
}

/** Rejects with the authority's message, or the signal's reason. */
export async function orderCertificate(options: OrderOptions): Promise<KeyPair> {
  options.signal.throwIfAborted();
  return untilAborted(place(options), options.signal);
}

/**
 * Looks for the account first, because acme-client updates an existing account without changes, which authorities
 * reject.
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

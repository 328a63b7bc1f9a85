// Orders and renews the shared certificate. A lease ensures that only one process orders at a time, and
// `sharedIdentity` loads the result. A renewal begins when at least a third of the certificate's life is left, so an
// unavailable CA only delays it (decision 0031).
import { createHash, X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Logger, neverDemoted, type TlsMetrics } from '@cistern/telemetry';
import { describeKeyPair, type KeyPair } from '../key-pair.ts';
import {
  type AcmeBoard,
  type AcmeState,
  type AttemptRecord,
  type CertificateRecord,
  readRecord,
  writeRecord,
} from './acme-state.ts';
import { type CertificateRequest, createAccountKey, orderCertificate } from './order-certificate.ts';
import type { Prover } from './prover.ts';

export interface IssuerOptions {
  readonly request: CertificateRequest;
  readonly state: AcmeState;
  readonly board: AcmeBoard;
  readonly prover: Prover;
  /**
   * Runs `action` with the lease and settles as `action` does. Resolves to `undefined` if another process has the
   * lease. The signal of `action` aborts if another process takes the lease.
   */
  withLease<T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>;
  readonly log: Logger;
  readonly metrics: Pick<TlsMetrics, 'acmeOrders'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Used instead of an order by ACME, in tests. */
  readonly order?: typeof orderCertificate;
  /** Used instead of a timer, in tests. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Issuer {
  /** Aborts a running order, and resolves when the issuer has ended. */
  close(): Promise<void>;
}

const orderLimitMs = 10 * 60_000;
/** The maximum time until a certificate of another process, or a removed certificate, is noticed. */
const maxSleepMs = 60_000;
const minSleepMs = 1000;
/** The delay after a failed check, and while another process has the lease. */
const failureSleepMs = 10_000;
const firstRetryMs = 60_000;
const retryFactor = 3;
const maxRetryMs = 4 * 3_600_000;
/**
 * The minimum age of a certificate that is replaced because it does not match the configuration. During an update,
 * processes with the old and the new configuration run at the same time. Without this limit they would replace each
 * other's certificates in turns.
 */
const minAgeMs = 10 * 60_000;
/**
 * The lifetime of the notice of a new certificate. Nodes that miss the notice find the certificate at their next
 * regular read of the state.
 */
const noticeMs = 5 * 60_000;

/** Starts the issuer, which checks immediately whether a certificate is due. The caller closes the issuer. */
export function startIssuer(options: IssuerOptions): Issuer {
  const closing = new AbortController();
  const issuing: Issuing = {
    order: orderCertificate,
    sleep: pause,
    ...options,
    log: neverDemoted(options.log),
    closing: closing.signal,
    notBeforeMs: 0,
  };
  const running = run(issuing);
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

interface Issuing extends Required<IssuerOptions> {
  readonly closing: AbortSignal;
  /**
   * The earliest time of the next attempt. It is also kept here, in case the record of the failure cannot be written.
   */
  notBeforeMs: number;
}

async function run(issuing: Issuing): Promise<void> {
  const { sleep, log, closing } = issuing;
  let hasFailed = false;
  while (!closing.aborted) {
    let sleepMs = failureSleepMs;
    try {
      sleepMs = await issueIfDue(issuing);
      hasFailed = false;
    } catch (error) {
      if (!hasFailed && !closing.aborted) log.warn({ err: error }, 'failed to check certificate renewal, retrying');
      hasFailed = true;
    }
    await sleep(sleepMs, closing);
  }
}

/** Orders a certificate if one is due. Resolves to the time in milliseconds until the next check. */
async function issueIfDue(issuing: Issuing): Promise<number> {
  const { withLease, now, closing } = issuing;
  const { dueAtMs } = await dueAt(issuing);
  if (dueAtMs > now()) return Math.max(minSleepMs, Math.min(dueAtMs - now(), maxSleepMs));
  const mine = await withLease(closing, async (signal) => {
    // Another process may have ordered a certificate before this process got the lease.
    const again = await dueAt(issuing);
    if (again.dueAtMs <= now()) await issue(issuing, again.failures, signal);
    return true;
  });
  return mine === undefined ? failureSleepMs : minSleepMs;
}

async function dueAt({ request, state, notBeforeMs }: Issuing): Promise<{ dueAtMs: number; failures: number }> {
  const certificate = await readRecord(state, 'certificate');
  const attempt = await readRecord(state, 'attempt');
  const failed = attempt?.request === idOf(request) ? attempt : undefined;
  const replaceAtMs = certificate === undefined ? 0 : replaceAt(certificate, request);
  return {
    dueAtMs: Math.max(replaceAtMs, failed?.nextAtMs ?? 0, notBeforeMs),
    failures: failed?.failures ?? 0,
  };
}

async function issue(issuing: Issuing, failures: number, signal: AbortSignal): Promise<void> {
  const { request, prover, order, log, metrics, now, closing } = issuing;
  const { hosts, challenge, directoryUrl } = request;
  log.info({ hosts, challenge, directoryUrl }, 'ordering ACME certificate');
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(orderLimitMs)]);
    await keep(issuing, await order({ ...request, accountKey: await accountKey(issuing), prover, signal: limited }));
    if (failures > 0) await record(issuing, { failures: 0, nextAtMs: 0 });
  } catch (error) {
    if (closing.aborted) return;
    const nextAtMs = now() + retryAfterMs(failures);
    issuing.notBeforeMs = nextAtMs;
    metrics.acmeOrders.inc({ result: 'failed' });
    const nextAt = new Date(nextAtMs).toISOString();
    log.error({ err: error, hosts, challenge, nextAt }, 'ACME order failed, will retry');
    await record(issuing, { failures: failures + 1, nextAtMs });
  }
}

async function accountKey({ request, state }: Issuing): Promise<string> {
  const { directoryUrl, externalAccount } = request;
  const account = await readRecord(state, 'account');
  if (account?.directoryUrl === directoryUrl && account.kid === externalAccount?.kid) return account.key;
  const key = await createAccountKey();
  // The key is stored before the CA gets it. So retries after a failure use the same account and do not create more
  // accounts.
  await writeRecord(state, 'account', { schema: 1, directoryUrl, kid: externalAccount?.kid, key });
  return key;
}

async function keep(issuing: Issuing, { certificate, key }: KeyPair): Promise<void> {
  const { request, board, log, metrics, now } = issuing;
  const { hosts, directoryUrl } = request;
  const { expiresAtMs, fingerprint } = describeKeyPair({ certificate, key });
  await persist(issuing, { schema: 1, directoryUrl, hosts, issuedAtMs: now(), certificate, key });
  await board.write('certificate', fingerprint, noticeMs).catch(() => {});
  metrics.acmeOrders.inc({ result: 'issued' });
  log.info({ hosts, expiresAt: new Date(expiresAtMs).toISOString() }, 'obtained ACME certificate');
  // Without this error the next certificate would be ordered immediately, and the CA limits the number of orders.
  if (renewalTime(certificate) <= now())
    throw new Error('the new certificate is already due for renewal; check the clock of this machine');
}

/**
 * Retries for twenty seconds while the state is unavailable, because the CA limits the number of certificates and a
 * lost one counts.
 */
async function persist({ state, sleep, closing }: Issuing, kept: CertificateRecord): Promise<void> {
  for (let left = 10; ; left -= 1)
    try {
      return await writeRecord(state, 'certificate', kept);
    } catch (error) {
      if (left === 0 || closing.aborted) throw error;
      await sleep(2000, closing);
    }
}

async function record(
  { request, state, log }: Issuing,
  attempt: Pick<AttemptRecord, 'failures' | 'nextAtMs'>,
): Promise<void> {
  await writeRecord(state, 'attempt', { schema: 1, request: idOf(request), ...attempt }).catch((error: unknown) =>
    log.warn({ err: error }, 'failed to record ACME order'),
  );
}

/** Does not keep the process alive. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal, ref: false }).catch(() => {});
}

/**
 * Returns the id of a request. Another HMAC key results in another id, so earlier failures do not delay an attempt with
 * a corrected key.
 */
export function idOf({ directoryUrl, challenge, hosts, externalAccount }: CertificateRequest): string {
  const { kid, hmacKey = '' } = externalAccount ?? {};
  const account = kid === undefined ? [] : [kid, createHash('sha256').update(hmacKey).digest('base64url')];
  return JSON.stringify([directoryUrl, challenge, hosts, ...account]);
}

/**
 * Returns the delay after a failure; `failures` is the number of earlier ones. Let's Encrypt allows five failed proofs
 * of a name per hour, and these delays result in at most five.
 */
export function retryAfterMs(failures: number): number {
  return Math.min(firstRetryMs * retryFactor ** failures, maxRetryMs);
}

/**
 * Returns the time at which to replace a certificate, in milliseconds since the epoch. A certificate with all requested
 * names is kept until it is due for renewal, even if it has more names.
 */
function replaceAt(
  { hosts, directoryUrl, certificate, issuedAtMs }: CertificateRecord,
  request: CertificateRequest,
): number {
  const fits = directoryUrl === request.directoryUrl && request.hosts.every((host) => hosts.includes(host));
  return fits ? renewalTime(certificate) : issuedAtMs + minAgeMs;
}

/**
 * The minimum share of a certificate's life that is left at its renewal. For Let's Encrypt's certificates of 90 days
 * this is 30 days, and for those of 6 days it is 2 days.
 */
const leftShare = 1 / 3;
/**
 * Renewals are spread over a twentieth of the life, so that certificates issued at the same time are not renewed at the
 * same time.
 */
const spreadShare = 1 / 20;

/**
 * Returns when a PEM certificate is due for renewal, in milliseconds since the epoch. The result depends only on the
 * certificate, so all nodes agree on it. Throws if the text is not a PEM certificate.
 */
export function renewalTime(certificate: string): number {
  const { validFromDate, validToDate, fingerprint256 } = new X509Certificate(certificate);
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  const spread = Number.parseInt(fingerprint256.replaceAll(':', '').slice(0, 8), 16) / 2 ** 32;
  return Math.floor(validToDate.getTime() - lifeMs * (leftShare + spreadShare * spread));
}

// Gets certificates and renews them, one process of all at a time. What is served until then is not its business: an
// authority that is away costs nothing but time, of which a third of a certificate's life is left (decision 0031).
import { createHash, X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger, TlsMetrics } from '@cistern/telemetry';
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
  /** Resolves as `action` does; `undefined` if another process is at it. The signal aborts when that begins. */
  withLease<T>(signal: AbortSignal, action: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>;
  readonly log: Logger;
  readonly metrics: Pick<TlsMetrics, 'acmeOrders'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** For tests: another authority than one that is reached by ACME, and another time. */
  readonly order?: typeof orderCertificate;
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface Issuer {
  /** Gives up what is under way, and ends. */
  close(): Promise<void>;
}

const orderLimitMs = 10 * 60_000;
/** So long at most until another process's doings, or a certificate that was removed, are seen. */
const maxSleepMs = 60_000;
const minSleepMs = 1000;
/** State or index could not be asked. */
const troubleSleepMs = 10_000;
const firstRetryMs = 60_000;
const retryFactor = 3;
const maxRetryMs = 4 * 3_600_000;
/** Processes with an old and a new configuration run side by side for a while, and must not take turns. */
const minAgeMs = 10 * 60_000;
/** How long nodes are notified of a new certificate; later they look anyway. */
const noticeMs = 5 * 60_000;

/** Begins at once. The caller closes it. */
export function startIssuer(options: IssuerOptions): Issuer {
  const closing = new AbortController();
  const issuing: Issuing = {
    order: orderCertificate,
    sleep: pause,
    ...options,
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
  /** Also of an attempt that could not be recorded. */
  notBeforeMs: number;
}

async function run(issuing: Issuing): Promise<void> {
  const { sleep, log, closing } = issuing;
  let isTroubled = false;
  while (!closing.aborted) {
    let sleepMs = troubleSleepMs;
    try {
      sleepMs = await look(issuing);
      isTroubled = false;
    } catch (error) {
      if (!isTroubled && !closing.aborted)
        log.warn({ err: error }, 'cannot tell whether a certificate is due, trying on');
      isTroubled = true;
    }
    await sleep(sleepMs, closing);
  }
}

/** How long nothing is to be done then. */
async function look(issuing: Issuing): Promise<number> {
  const { withLease, now, closing } = issuing;
  const { dueAtMs } = await dueAt(issuing);
  if (dueAtMs > now()) return Math.max(minSleepMs, Math.min(dueAtMs - now(), maxSleepMs));
  const mine = await withLease(closing, async (signal) => {
    // Another process may have done it since.
    const again = await dueAt(issuing);
    if (again.dueAtMs <= now()) await issue(issuing, again.failures, signal);
    return true;
  });
  return mine === undefined ? troubleSleepMs : minSleepMs;
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
  log.info({ hosts, challenge, directoryUrl }, 'ordering a certificate');
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
    log.error({ err: error, hosts, challenge, nextAt }, 'got no certificate, trying again later');
    await record(issuing, { failures: failures + 1, nextAtMs });
  }
}

async function accountKey({ request, state }: Issuing): Promise<string> {
  const { directoryUrl, externalAccount } = request;
  const account = await readRecord(state, 'account');
  if (account?.directoryUrl === directoryUrl && account.kid === externalAccount?.kid) return account.key;
  const key = await createAccountKey();
  // Before the authority hears of it: an account is made once, however often that fails.
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
  log.info({ hosts, expiresAt: new Date(expiresAtMs).toISOString() }, 'got a certificate');
  // Else the next one would be ordered at once, and the authority counts.
  if (renewalTime(certificate) <= now())
    throw new Error('the new certificate is due for renewal already: is the clock of this machine right?');
}

/** The authority counts certificates: one that it has given is not given up because the store is away for a moment. */
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
    log.warn({ err: error }, 'cannot record how getting a certificate went'),
  );
}

/** Does not keep the process alive. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal, ref: false }).catch(() => {});
}

/** A request with another key is another request: an operator has mended it. */
export function idOf({ directoryUrl, challenge, hosts, externalAccount }: CertificateRequest): string {
  const { kid, hmacKey = '' } = externalAccount ?? {};
  const account = kid === undefined ? [] : [kid, createHash('sha256').update(hmacKey).digest('base64url')];
  return JSON.stringify([directoryUrl, challenge, hosts, ...account]);
}

/** Let's Encrypt takes five failed proofs of a name in an hour: these are five. */
export function retryAfterMs(failures: number): number {
  return Math.min(firstRetryMs * retryFactor ** failures, maxRetryMs);
}

/** One that has more names than are requested will do until it is due. */
function replaceAt(
  { hosts, directoryUrl, certificate, issuedAtMs }: CertificateRecord,
  request: CertificateRequest,
): number {
  const fits = directoryUrl === request.directoryUrl && request.hosts.every((host) => hosts.includes(host));
  return fits ? renewalTime(certificate) : issuedAtMs + minAgeMs;
}

/** With a third of its life left: a month of Let's Encrypt's ninety days, and two days of its six. */
const leftShare = 1 / 3;
/** Spread over a twentieth of its life, so that what began together does not stay together. */
const spreadShare = 1 / 20;

/**
 * When a certificate is due for another one. Milliseconds since the epoch; the same whenever and wherever it is computed. Throws
 * for what is no PEM certificate.
 */
export function renewalTime(certificate: string): number {
  const { validFromDate, validToDate, fingerprint256 } = new X509Certificate(certificate);
  const lifeMs = validToDate.getTime() - validFromDate.getTime();
  const spread = Number.parseInt(fingerprint256.replaceAll(':', '').slice(0, 8), 16) / 2 ** 32;
  return Math.floor(validToDate.getTime() - lifeMs * (leftShare + spreadShare * spread));
}

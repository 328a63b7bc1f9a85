// Gets certificates and renews them, one process of all at a time. What is served until then is not its business: an
// authority that is away costs nothing but time, of which a third of a certificate's life is left (decision 0031).
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger, TlsMetrics } from '@cistern/telemetry';
import { describeKeyPair, type KeyPair } from '../key-pair.ts';
import type { AcmeBoard } from './board.ts';
import { type CertificateRequest, createAccountKey, orderCertificate } from './order-certificate.ts';
import type { Prover } from './prover.ts';
import { type AcmeState, type AttemptRecord, type CertificateRecord, readRecord, writeRecord } from './records.ts';
import { renewalTime } from './renewal-time.ts';

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
/** Let's Encrypt takes five failed proofs of a name in an hour: these are five. */
const firstRetryMs = 60_000;
const retryFactor = 3;
const maxRetryMs = 4 * 3_600_000;
/** Processes with an old and a new configuration run side by side for a while, and must not take turns. */
const minAgeMs = 10 * 60_000;
/** How long nodes are told that there is a new certificate; later they look anyway. */
const noticeMs = 5 * 60_000;

/** Begins at once. The caller closes it. */
export function startIssuer(options: IssuerOptions): Issuer {
  const {
    request,
    state,
    board,
    prover,
    withLease,
    log,
    metrics,
    now,
    order = orderCertificate,
    sleep = pause,
  } = options;
  const { hosts, directoryUrl, challenge, externalAccount } = request;
  const requestId = idOf(request);
  const closing = new AbortController();
  /** Also of an attempt that could not be recorded. */
  let notBeforeMs = 0;

  async function dueAt(): Promise<{ readonly dueAtMs: number; readonly failures: number }> {
    const certificate = await readRecord(state, 'certificate');
    const attempt = await readRecord(state, 'attempt');
    const failed = attempt?.request === requestId ? attempt : undefined;
    return {
      dueAtMs: Math.max(
        certificate === undefined ? 0 : replaceAt(certificate, request),
        failed?.nextAtMs ?? 0,
        notBeforeMs,
      ),
      failures: failed?.failures ?? 0,
    };
  }

  async function accountKey(): Promise<string> {
    const account = await readRecord(state, 'account');
    if (account?.directoryUrl === directoryUrl && account.kid === externalAccount?.kid) return account.key;
    const key = await createAccountKey();
    // Before the authority hears of it: an account is made once, however often that fails.
    await writeRecord(state, 'account', { schema: 1, directoryUrl, kid: externalAccount?.kid, key });
    return key;
  }

  async function keep({ certificate, key }: KeyPair): Promise<void> {
    const { expiresAtMs, fingerprint } = describeKeyPair({ certificate, key });
    const kept: CertificateRecord = { schema: 1, directoryUrl, hosts, issuedAtMs: now(), certificate, key };
    await persist(() => writeRecord(state, 'certificate', kept));
    await board.write('certificate', fingerprint, noticeMs).catch(() => {});
    metrics.acmeOrders.inc({ result: 'issued' });
    log.info({ hosts, expiresAt: new Date(expiresAtMs).toISOString() }, 'got a certificate');
    // Else the next one would be ordered at once, and the authority counts.
    if (renewalTime(certificate) <= now())
      throw new Error('the new certificate is due for renewal already: is the clock of this machine right?');
  }

  /** The authority counts certificates: one that it has given is not given up because the store is away for a moment. */
  async function persist(write: () => Promise<void>): Promise<void> {
    for (let left = 10; ; left -= 1)
      try {
        return await write();
      } catch (error) {
        if (left === 0 || closing.signal.aborted) throw error;
        await sleep(2000, closing.signal);
      }
  }

  async function issue(failures: number, signal: AbortSignal): Promise<void> {
    log.info({ hosts, challenge, directoryUrl }, 'ordering a certificate');
    try {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(orderLimitMs)]);
      await keep(await order({ ...request, accountKey: await accountKey(), prover, signal: limited }));
      if (failures > 0) await record({ failures: 0, nextAtMs: 0 });
    } catch (error) {
      if (closing.signal.aborted) return;
      notBeforeMs = now() + Math.min(firstRetryMs * retryFactor ** failures, maxRetryMs);
      metrics.acmeOrders.inc({ result: 'failed' });
      const nextAt = new Date(notBeforeMs).toISOString();
      log.error({ err: error, hosts, challenge, nextAt }, 'got no certificate, trying again later');
      await record({ failures: failures + 1, nextAtMs: notBeforeMs });
    }
  }

  async function record(attempt: Pick<AttemptRecord, 'failures' | 'nextAtMs'>): Promise<void> {
    await writeRecord(state, 'attempt', { schema: 1, request: requestId, ...attempt }).catch((error: unknown) =>
      log.warn({ err: error }, 'cannot record how getting a certificate went'),
    );
  }

  /** How long nothing is to be done then. */
  async function look(): Promise<number> {
    const { dueAtMs } = await dueAt();
    if (dueAtMs > now()) return Math.max(minSleepMs, Math.min(dueAtMs - now(), maxSleepMs));
    const mine = await withLease(closing.signal, async (signal) => {
      // Somebody may have done it since.
      const again = await dueAt();
      if (again.dueAtMs <= now()) await issue(again.failures, signal);
      return true;
    });
    return mine === undefined ? troubleSleepMs : minSleepMs;
  }

  async function run(): Promise<void> {
    let isTroubled = false;
    while (!closing.signal.aborted) {
      let sleepMs = troubleSleepMs;
      try {
        sleepMs = await look();
        isTroubled = false;
      } catch (error) {
        if (!isTroubled && !closing.signal.aborted)
          log.warn({ err: error }, 'cannot tell whether a certificate is due, trying on');
        isTroubled = true;
      }
      await sleep(sleepMs, closing.signal);
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** What was wished for with another key is another wish: somebody has mended it. */
function idOf({ directoryUrl, challenge, hosts, externalAccount }: CertificateRequest): string {
  const { kid, hmacKey = '' } = externalAccount ?? {};
  const account = kid === undefined ? [] : [kid, createHash('sha256').update(hmacKey).digest('base64url')];
  return JSON.stringify([directoryUrl, challenge, hosts, ...account]);
}

/** Does not keep the process alive. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal, ref: false }).catch(() => {});
}

/** One that has more names than are wished for will do until it is due. */
function replaceAt(
  { hosts, directoryUrl, certificate, issuedAtMs }: CertificateRecord,
  request: CertificateRequest,
): number {
  const fits = directoryUrl === request.directoryUrl && request.hosts.every((host) => hosts.includes(host));
  return fits ? renewalTime(certificate) : issuedAtMs + minAgeMs;
}

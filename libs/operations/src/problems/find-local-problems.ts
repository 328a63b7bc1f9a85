// Finds the problems that a node can see by itself: of its index, store, spool, clock, certificates and upstreams.
import type { Config } from '@cistern/config';
import type { CacheIndex } from '@cistern/index';
import type { WorkerWatch } from '@cistern/pull-through';
import { within } from '@cistern/runtime';
import type { Finding, StoreCheck } from '@cistern/runtime/process';
import type { Metrics } from '@cistern/telemetry';
import type { BudgetLedger } from '@cistern/upstream';
import { createSustained } from './create-sustained.ts';
import { findUpstreamProblems } from './find-upstream-problems.ts';
import { allParts, type Part, problemWords, type ProblemKind } from './problem-words.ts';

export interface LocalParts {
  readonly index: Pick<CacheIndex, 'check' | 'findFull' | 'now'>;
  /** Resolves to the reason if the store has no space for fetches. */
  readonly findFullStore: () => Promise<string | undefined>;
  /** `findFull` resolves to the reason why no fetch can begin. Unset if the process does not fetch. */
  readonly spool?: { findFull(): Promise<string | undefined> } | undefined;
  /** Unset if the process is itself a worker. */
  readonly workers?: WorkerWatch | undefined;
  /** Unset if the process does not fetch. */
  readonly ledger?: Pick<BudgetLedger, 'known'> | undefined;
}

export type Found = (
  kind: ProblemKind,
  reason: string,
  more?: Partial<Pick<Finding, 'subject' | 'node' | 'sinceMs' | 'severity' | 'isUnready'>>,
) => Finding;

const checkLimitMs = 3_000;
const slowIndexMs = 250;
/** A clock is slightly off after each start of a machine, until it is synchronized. */
const clockLimitMs = 5_000;
const expiresSoonMs = 7 * 24 * 3_600_000;

/** Returns a function that creates the findings for this configuration. */
export function createFound(config: Pick<Config, 'redis' | 'storage'>): Found {
  const words = problemWords(config);
  return (kind, reason, more = {}) => ({ kind, ...words[kind], reason, ...more });
}

/** The parts that a node with these parts can check by itself, in the order in which operators see them. */
export function localParts({ spool, workers, ledger }: LocalParts): Part[] {
  const fetches = ledger !== undefined;
  const isChecked: Readonly<Partial<Record<Part, boolean>>> = {
    workers: workers !== undefined,
    nodes: false,
    spool: spool !== undefined,
    upstreams: fetches,
    credentials: fetches,
    versions: false,
    configuration: false,
  };
  return allParts.filter((part) => isChecked[part] ?? true);
}

/** The returned function runs all checks at the same time, and never rejects. `storeCheck` is unset if it is disabled. */
export function createLocalFinder(
  found: Found,
  { index, findFullStore, spool, workers, ledger }: LocalParts,
  storeCheck: StoreCheck | undefined,
  metrics: Metrics,
): () => Promise<readonly Finding[]> {
  const sustainedIndexMs = createSustained(3);
  const ofUpstreams =
    ledger === undefined ? async () => [] : findUpstreamProblems(found, { ledger, metrics, now: index.now });

  /** One write shows that the index works and takes records. Without it workers cannot report, so their state is unknown. */
  async function ofIndex(): Promise<Finding[]> {
    const startedAt = performance.now();
    try {
      const full = await within(index.findFull(), checkLimitMs);
      if (full !== undefined) return [found('index-full', sentenceOf(full)), ...(await ofWorkers()), ...ofClock()];
    } catch (error) {
      const [unreadable] = await failureOf(index.check(), (reason) => found('index-unavailable', reason));
      return [unreadable ?? found('index-unwritable', reasonOf(error))];
    }
    const ms = Math.round(sustainedIndexMs(performance.now() - startedAt));
    const slow = ms < slowIndexMs ? [] : [found('index-slow', `The index needs ${ms} ms for an answer.`)];
    return [...slow, ...(await ofWorkers()), ...ofClock()];
  }

  async function ofWorkers(): Promise<Finding[]> {
    if (workers === undefined) return [];
    return failureOf(workers.assertAlive(), () => found('no-worker', 'No worker has reported for nine seconds.'));
  }

  function ofClock(): Finding[] {
    const offMs = Date.now() - index.now();
    if (Math.abs(offMs) < clockLimitMs) return [];
    const side = offMs > 0 ? 'ahead of' : 'behind';
    return [found('clock-off', `The clock of this machine is ${Math.round(Math.abs(offMs) / 1000)} s ${side} Redis.`)];
  }

  async function ofStore(): Promise<Finding[]> {
    const failure = await storeCheck?.failure();
    if (failure !== undefined) return [storeFailure(failure.error, failure.isUnready)];
    const ms = storeCheck?.slowMs();
    const slow =
      ms === undefined ? [] : [found('store-slow', `The store needs ${Math.round(ms)} ms for a small object.`)];
    try {
      const full = await within(findFullStore(), checkLimitMs);
      return full === undefined ? slow : [...slow, found('store-full', sentenceOf(full))];
    } catch (error) {
      return [storeFailure(error, false)];
    }
  }

  /** One failure is a warning, because the next check may succeed. */
  function storeFailure(error: unknown, isUnready: boolean): Finding {
    const severity = isUnready ? 'critical' : 'warning';
    return found('store-unavailable', reasonOf(error, 'The store gives '), { severity, isUnready });
  }

  async function ofSpool(): Promise<Finding[]> {
    if (spool === undefined) return [];
    const why = await within(spool.findFull(), checkLimitMs).catch(() => 'its disk does not answer.');
    return why === undefined ? [] : [found('spool-full', `The spool is full: ${why}`)];
  }

  async function ofCertificates(): Promise<Finding[]> {
    const { values } = await metrics.certificateExpiry.get();
    return values.flatMap(({ labels, value }) => {
      const subject = String(labels.listener);
      const cause = metrics.causes.read('certificate', subject);
      const unusable = `The new certificate cannot be used: ${cause}.`;
      return [
        ...ofExpiry(found, subject, value * 1000 - index.now()),
        ...(cause === undefined ? [] : [found('certificate-unusable', unusable, { subject })]),
      ];
    });
  }

  return async () => {
    const checks = [ofIndex(), ofStore(), ofCertificates(), ofSpool(), ofUpstreams()];
    const results = await Promise.all(checks);
    return results.flat();
  };
}

function ofExpiry(found: Found, subject: string, leftMs: number): Finding[] {
  if (leftMs <= 0)
    return [found('certificate-expired', `The certificate expired ${spanOf(-leftMs)} ago.`, { subject })];
  if (leftMs > expiresSoonMs) return [];
  return [found('certificate-expires', `The certificate expires in ${spanOf(leftMs)}.`, { subject })];
}

function spanOf(ms: number): string {
  const hours = ms / 3_600_000;
  if (hours >= 48) return `${Math.round(hours / 24)} days`;
  return hours >= 2 ? `${Math.round(hours)} hours` : `${Math.max(1, Math.round(hours * 60))} minutes`;
}

async function failureOf(check: Promise<void>, describe: (reason: string) => Finding): Promise<Finding[]> {
  try {
    await within(check, checkLimitMs);
    return [];
  } catch (error) {
    return [describe(reasonOf(error))];
  }
}

/** Returns the message of an error as a sentence. `giver` is put before the message of a timeout. */
function reasonOf(error: unknown, giver = 'The check gives '): string {
  const text = error instanceof Error ? error.message : String(error);
  return sentenceOf(text.startsWith('no response within') ? `${giver}${text}` : text);
}

function sentenceOf(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

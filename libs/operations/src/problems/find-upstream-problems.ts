// Finds the problems of upstreams and their accounts, as this worker knows them. The gauges say which, and the causes say why.
import type { Finding } from '@cistern/runtime/process';
import { type Metrics, redactText } from '@cistern/telemetry';
import type { BudgetLedger, KnownBudget } from '@cistern/upstream';
import type { Found } from './find-local-problems.ts';

export interface UpstreamParts {
  readonly ledger: Pick<BudgetLedger, 'known'>;
  readonly metrics: Pick<
    Metrics,
    'causes' | 'upstreamEndpointState' | 'upstreamBudget' | 'contentMismatches' | 'upstreamRequestDuration'
  >;
  readonly now: () => number;
}

const openState = 2;
/** How long a mismatch counts as a problem. */
const mismatchForMs = 10 * 60_000;
const slowWindowMs = 30_000;
const slowAnswerSeconds = 5;
/** One slow answer may have any cause. */
const leastSlowAnswers = 3;

/** The returned function never rejects. */
export function findUpstreamProblems(
  found: Found,
  { ledger, metrics, now }: UpstreamParts,
): () => Promise<readonly Finding[]> {
  const mismatches = createRecentIncrease(now, mismatchForMs);
  const [requests, seconds] = [createRecentIncrease(now, slowWindowMs), createRecentIncrease(now, slowWindowMs)];

  async function ofEndpoints(): Promise<Finding[]> {
    const { values } = await metrics.upstreamEndpointState.get();
    const byUpstream = Map.groupBy(values, ({ labels }) => String(labels.upstream));
    return [...byUpstream].flatMap(([subject, endpoints]) => {
      const open = endpoints.filter(({ value }) => value === openState);
      if (open.length === 0) return [];
      const reasons = open.map(({ labels: { endpoint } }) => {
        const cause = metrics.causes.read('endpoint', `${subject} ${endpoint}`) ?? 'requests to it fail';
        return `${endpoint} is not used: ${redactText(cause)}.`;
      });
      const kind = open.length < endpoints.length ? 'upstream-on-alternate' : 'upstream-failing';
      return [found(kind, reasons.join(' '), { subject })];
    });
  }

  async function ofCredentials(): Promise<Finding[]> {
    const { values } = await metrics.upstreamBudget.credentialsRefused.get();
    return values
      .filter(({ value }) => value === 1)
      .map(({ labels: { upstream, endpoint, credential } }) => {
        const cause = metrics.causes.read('credential', `${upstream} ${endpoint} ${credential}`) ?? 'it is refused';
        const reason = `The account ${credential} of ${upstream} cannot be used: ${redactText(cause)}.`;
        return found('credentials-refused', reason, { subject: String(upstream) });
      });
  }

  async function ofMismatches(): Promise<Finding[]> {
    const { values } = await metrics.contentMismatches.get();
    return values.flatMap(({ labels: { upstream }, value }) => {
      const { increase, sinceMs } = mismatches(String(upstream), value);
      if (increase === 0) return [];
      const reason = `${upstream} sent bytes that do not match their digest (${increase} times in ten minutes).`;
      return [found('upstream-mismatch', reason, { subject: String(upstream), sinceMs })];
    });
  }

  async function ofAnswers(): Promise<Finding[]> {
    const { values } = await metrics.upstreamRequestDuration.get();
    const totals = new Map<string, { count: number; sum: number }>();
    for (const { labels, value, metricName } of values) {
      const key =
        metricName?.endsWith('_count') === true ? 'count' : metricName?.endsWith('_sum') === true ? 'sum' : '';
      if (key === '') continue;
      const total = totals.get(String(labels.upstream)) ?? { count: 0, sum: 0 };
      total[key] += value;
      totals.set(String(labels.upstream), total);
    }
    return [...totals].flatMap(([subject, { count, sum }]) => {
      const recent = requests(subject, count).increase;
      const mean = seconds(subject, sum).increase / recent;
      if (recent < leastSlowAnswers || mean < slowAnswerSeconds) return [];
      return [found('upstream-slow', `${subject} needs ${Math.round(mean)} s to begin an answer.`, { subject })];
    });
  }

  return async () => [
    ...(await Promise.all([ofEndpoints(), ofCredentials(), ofMismatches(), ofAnswers()])).flat(),
    ...ledger.known().flatMap((budget) => ofBudget(found, budget)),
  ];
}

function ofBudget(found: Found, { upstream: subject, account, remaining, backedOffUntilMs }: KnownBudget): Finding[] {
  if (backedOffUntilMs !== undefined) {
    const until = new Date(backedOffUntilMs).toISOString().slice(11, 19);
    const reason = `${subject} answered 429 Too Many Requests. No request is sent to it before ${until} UTC.`;
    return [found('upstream-throttled', reason, { subject })];
  }
  if (remaining === undefined || remaining > 0) return [];
  return [found('upstream-exhausted', `The account ${account} has no pulls left at ${subject}.`, { subject })];
}

/**
 * Returns a function that takes the value of a counter by name. It returns how much the counter grew in the last `windowMs`, and
 * when the growth began.
 */
function createRecentIncrease(now: () => number, windowMs: number) {
  interface Sample {
    readonly atMs: number;
    readonly value: number;
  }
  const samples = new Map<string, Sample[]>();
  return (name: string, value: number): { readonly increase: number; readonly sinceMs?: number | undefined } => {
    const atMs = now();
    const seen = samples.get(name) ?? [{ atMs, value: 0 }];
    samples.set(name, seen);
    if (seen.at(-1)?.value !== value) seen.push({ atMs, value });
    // The first sample is the last one from before the window.
    while (seen.length > 1 && seen[1]!.atMs <= atMs - windowMs) seen.shift();
    const increase = value - (seen[0]?.value ?? 0);
    return increase === 0 ? { increase } : { increase, sinceMs: seen[1]?.atMs };
  };
}

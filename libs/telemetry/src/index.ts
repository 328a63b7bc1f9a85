export { formatAccessLogLine } from './access-log.ts';
export { createAuditLog } from './audit/create-audit-log.ts';
export type { AuditLog } from './audit/create-audit-log.ts';
export { createRecentAudit } from './audit/create-recent-audit.ts';
export { parseRecentEntry } from './audit/recent-entry.ts';
export type { RecentEntry } from './audit/recent-entry.ts';
export { createLogger } from './logger.ts';
export type { Logger } from './logger.ts';
export { createMetrics } from './metrics/create-metrics.ts';
export type { Metrics } from './metrics/create-metrics.ts';
export type { AuthenticationMetrics } from './metrics/authentication-metrics.ts';
export type { LimitMetrics } from './metrics/limit-metrics.ts';
export type { AccessMetrics } from './metrics/access-metrics.ts';
export type { BudgetMetrics } from './metrics/budget-metrics.ts';
export type { StaleReason } from './metrics/freshness-metrics.ts';
export type {
  AuthenticationMethod,
  EvictionReason,
  UpstreamOperation,
  UpstreamOutcome,
} from './metrics/label-values.ts';
export { observeJobs } from './metrics/observe-jobs.ts';
export type { QueueFacts } from './metrics/observe-jobs.ts';
export type { JobMetrics } from './metrics/job-metrics.ts';
export type { IndexMetrics } from './metrics/index-metrics.ts';
export { observeCache } from './metrics/observe-cache.ts';
export { observeRequest } from './metrics/observe-request.ts';
export { readActivity, readLatencies } from './metrics/read-activity.ts';
export type { ActivityCounts, UpstreamActivity } from './metrics/read-activity.ts';
export type { RequestMetrics } from './metrics/request-metrics.ts';
export type { StoreMetrics } from './metrics/store-metrics.ts';
export type { TlsMetrics } from './metrics/tls-metrics.ts';
export type { UpstreamMetrics } from './metrics/upstream-metrics.ts';
export { redactText, redactUrl } from './redact.ts';
export { openTracing } from './tracing/open-tracing.ts';
export { inSpan } from './tracing/tracing.ts';
export type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing/tracing.ts';
export { createRequestLog, requestEnded } from './request-log.ts';
export { createRequestFacts } from './request-facts.ts';
export type { RequestCacheResult, RequestFacts, RequestOperation } from './request-facts.ts';

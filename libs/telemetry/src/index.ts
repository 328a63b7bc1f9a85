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
export type { EvictionReason, IndexMetrics, JobMetrics, StoreMetrics } from './metrics/cache-metrics.ts';
export type {
  AccessMetrics,
  AuthenticationMethod,
  AuthenticationMetrics,
  LimitMetrics,
  RequestMetrics,
  TlsMetrics,
} from './metrics/client-metrics.ts';
export type {
  BudgetMetrics,
  StaleReason,
  UpstreamMetrics,
  UpstreamOperation,
  UpstreamOutcome,
} from './metrics/upstream-metrics.ts';
export { observeJobs } from './metrics/observe-jobs.ts';
export type { QueueFacts } from './metrics/observe-jobs.ts';
export { observeCache } from './metrics/observe-cache.ts';
export { observeRequest } from './metrics/observe-request.ts';
export { readActivity, readLatencies } from './metrics/read-activity.ts';
export type { ActivityCounts, UpstreamActivity } from './metrics/read-activity.ts';
export { redactText, redactUrl } from './redact.ts';
export { openTracing } from './tracing/open-tracing.ts';
export { inSpan } from './tracing/tracing.ts';
export type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing/tracing.ts';
export { createRequestLog, requestEnded } from './request-log.ts';
export { createRequestFacts } from './request-facts.ts';
export type { RequestCacheResult, RequestFacts, RequestOperation } from './request-facts.ts';

export { createAuditLog } from './audit/create-audit-log.ts';
export type { AuditLog } from './audit/create-audit-log.ts';
export { createRecentAudit, parseRecentEntry } from './audit/create-recent-audit.ts';
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
  RequestCacheResult,
  RequestMetrics,
  RequestOperation,
  TlsMetrics,
} from './metrics/client-metrics.ts';
export type {
  BudgetMetrics,
  StaleReason,
  UpstreamMetrics,
  UpstreamOperation,
  UpstreamOutcome,
} from './metrics/upstream-metrics.ts';
export { observeCache, observeJobs, observeNodes } from './metrics/observe-cache.ts';
export type { QueueFacts } from './metrics/observe-cache.ts';
export { readActivity, readLatencies } from './metrics/read-activity.ts';
export type { ActivityCounts, UpstreamActivity } from './metrics/read-activity.ts';
export { redactText, redactUrl } from './redact.ts';
export { inSpan, openTracing } from './tracing/tracing.ts';
export type { Span, SpanAttributes, SpanOptions, Tracing } from './tracing/tracing.ts';
export { briefError } from './brief-error.ts';
export { isExplained, neverDemoted, watchOutage } from './create-outages.ts';
export type { LogWithOutages, Outage } from './create-outages.ts';
export { plainAddress } from './plain-address.ts';
export { createRequestLog } from './request-log.ts';
export { createRequestCounts } from './count-requests.ts';
export { auditRequest, createRequestFacts } from './request-facts.ts';
export type { RequestAudit, RequestFacts } from './request-facts.ts';

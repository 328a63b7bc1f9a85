// Who was turned away and why, who was given what, and what operators have asked for: one JSON object a line, in a file of its
// own, which others keep longer than a log. With it goes what each client has had of each upstream, once a minute.
import { redactUrl } from '../redact.ts';
import type { RequestFacts } from '../request-facts.ts';
import { eventOf } from './audit-event.ts';
import { createUsage } from './create-usage.ts';

export interface AuditLog {
  /** A client's request that has ended. */
  request(facts: RequestFacts): void;
  /** Something that an operator has asked for. */
  asked(wish: OperatorWish): void;
  /** Writes what has been counted since the last minute. */
  close(): void;
}

export interface OperatorWish {
  /** A name where there is one, an address else. */
  readonly by: string;
  readonly address?: string | undefined;
  /** `POST /v1/prewarm`, `cistern token revoke`. */
  readonly what: string;
  /** Its particulars, without secrets. */
  readonly wish?: unknown;
  /** Of an answer by HTTP. */
  readonly status?: number;
}

export interface AuditLogOptions {
  /** Takes a line without its break. */
  readonly write: (line: string) => void;
  /** Wall clock, in milliseconds. */
  readonly now: () => number;
}

const usageEveryMs = 60_000;

/** The caller closes it. */
export function createAuditLog({ write, now }: AuditLogOptions): AuditLog {
  const say = (event: string, fields: object) =>
    write(JSON.stringify({ time: new Date(now()).toISOString(), event, ...fields }));
  const usage = createUsage((entry) => say('usage', entry));
  const timer = setInterval(usage.flush, usageEveryMs).unref();
  return {
    request(facts) {
      usage.count(facts);
      const event = eventOf(facts);
      if (event === undefined) return;
      const { user, labels, clientIp, requestId, upstream, repository, reference, denied, status, method, url } = facts;
      const who = { user, labels, address: clientIp };
      say(event, {
        ...who,
        requestId,
        upstream,
        repository,
        reference,
        why: denied,
        status,
        method,
        url: redactUrl(url),
      });
    },
    asked: (wish) => say('asked', wish),
    close() {
      clearInterval(timer);
      usage.flush();
    },
  };
}

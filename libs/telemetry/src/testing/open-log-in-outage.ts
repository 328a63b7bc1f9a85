// A log of a node during an outage, for tests of the lines that the outage hides, and of those that it must not hide.
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { type Outage, watchOutage } from '../create-outages.ts';
import { createLogger, type Logger } from '../logger.ts';

export interface LogInOutage {
  /** Its level is `info`. */
  readonly log: Logger;
  /** It is under way, and explains errors of the given kind. */
  readonly outage: Outage;
  /** The messages so far, without the lines of the outage. */
  messages(): string[];
}

export function openLogInOutage(kind: CacheErrorKind): LogInOutage {
  const messages: string[] = [];
  const write = (line: string) => void messages.push((JSON.parse(line) as { readonly msg: string }).msg);
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write } });
  const outage = watchOutage(log, {
    part: kind,
    lines: { began() {}, lasts() {}, ended() {} },
    explains: (error) => isCacheError(error, kind),
  });
  outage.failed(new Error('away'));
  return { log, outage, messages: () => [...messages] };
}

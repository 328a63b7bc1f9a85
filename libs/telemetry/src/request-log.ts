// The one line that every request costs, written past pino's general serialiser into the logger's own stream: a third of what a
// warm manifest takes would be this line otherwise. It says what `log.info(facts, 'request ended')` would, byte for byte.
import { pino } from 'pino';
import type { LineWriter } from './line-writer.ts';
import type { Logger } from './logger.ts';
import { redactText } from './redact.ts';
import type { RequestFacts } from './request-facts.ts';

export const requestEnded = 'request ended';

/** pino's own, by the symbols that it gives out. */
interface PinoParts {
  readonly [pino.symbols.streamSym]: LineWriter;
  /** What stands in every line, as JSON behind a comma. */
  readonly [pino.symbols.chindingsSym]: string;
}

/** What is said of requests that nobody has to look at. `log`: of `createLogger`, or a child of one. */
export function createRequestLog(log: Logger): (facts: RequestFacts) => void {
  const { [pino.symbols.streamSym]: writer, [pino.symbols.chindingsSym]: bindings } = log as unknown as PinoParts;
  const clock = createClock();
  const plainUserAgent = createMemory(plain);
  return (facts) => {
    if (!log.isLevelEnabled('info')) return;
    const { referer, user, labels, denied } = facts;
    const url = plain(facts.url);
    const userAgent = plainUserAgent(facts.userAgent ?? '');
    const isRare = labels !== undefined || denied !== undefined || (referer ?? '') !== '' || !isPlain(user ?? '');
    if (isRare || url === undefined || userAgent === undefined) {
      log.info(facts, requestEnded);
      return;
    }
    const isShown = url === facts.url && (facts.userAgent ?? '') === userAgent;
    const shown = isShown ? facts : { ...facts, url, userAgent: facts.userAgent && userAgent };
    const fields = JSON.stringify(shown).slice(1, -1);
    writer.writeParts({
      level: 'info',
      time: clock(Date.now()),
      fields: `${bindings.slice(1)}${bindings === '' ? '' : ','}${fields}`,
      message: requestEnded,
    });
  };
}

const plainAscii = /^[ !#-[\]-~]*$/;

/** Without its secrets, if it stands in JSON as it is; then nothing else can be hidden in it. */
function plain(text: string): string | undefined {
  return plainAscii.test(text) ? redactText(text) : undefined;
}

function isPlain(text: string): boolean {
  return plain(text) === text;
}

/** Programs are few; what calls itself something else each time is not remembered. */
const maxRemembered = 100;

function createMemory<R>(find: (text: string) => R): (text: string) => R {
  const known = new Map<string, R>();
  return (text) => {
    const remembered = known.get(text);
    if (remembered !== undefined || known.has(text)) return remembered!;
    const found = find(text);
    if (known.size < maxRemembered) known.set(text, found);
    return found;
  };
}

/** The time in ISO form; all of it but the milliseconds is made once a second. */
function createClock(): (atMs: number) => string {
  let second = Number.NaN;
  let shown = '';
  return (atMs) => {
    const ms = atMs % 1000;
    if (atMs - ms !== second) {
      second = atMs - ms;
      shown = new Date(second).toISOString().slice(0, 20);
    }
    return `${shown}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`;
  };
}

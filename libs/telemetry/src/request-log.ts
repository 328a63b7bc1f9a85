// The lines that a request ends with, in the log and in the access log. The first costs a third of what a warm manifest takes,
// unless it is written past pino's general serialiser into the logger's own stream. It says what `log.info(facts, 'request
// ended')` would, byte for byte.
import { pino } from 'pino';
import type { LineWriter } from './line-writer.ts';
import type { Logger } from './logger.ts';
import { redactText, redactUrl } from './redact.ts';
import type { RequestFacts } from './request-facts.ts';

export const requestEnded = 'request ended';

/** pino's own, by the symbols that it gives out. */
interface PinoParts {
  readonly [pino.symbols.streamSym]: LineWriter;
  /** The fields of every line, as JSON behind a comma. */
  readonly [pino.symbols.chindingsSym]: string;
}

/** Logs the requests that no person has to look at. `log`: of `createLogger`, or a child of one. */
export function createRequestLog(log: Logger): (facts: RequestFacts) => void {
  const { [pino.symbols.streamSym]: writer, [pino.symbols.chindingsSym]: bindings } = log as unknown as PinoParts;
  const clock = createIsoClock();
  const plainUserAgent = createPlainMemory();
  return (facts) => {
    if (!log.isLevelEnabled('info')) return;
    const { referer, user, labels, denied } = facts;
    const url = plain(facts.url);
    const userAgent = plainUserAgent(facts.userAgent ?? '');
    const isRare =
      labels !== undefined || denied !== undefined || (referer ?? '') !== '' || plain(user ?? '') !== (user ?? '');
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

export type AccessLogFacts = Pick<
  RequestFacts,
  'clientIp' | 'user' | 'startedAtMs' | 'method' | 'url' | 'protocol' | 'status' | 'bytesSent' | 'referer' | 'userAgent'
>;

/**
 * A line of the combined log format, byte for byte as registry:2 prints it (gorilla/handlers, `CombinedLoggingHandler`), so that
 * whatever reads a registry's access log reads ours. Without the line break. The time is the request's start in the local zone;
 * secrets in URLs are hidden.
 */
export function formatAccessLogLine(facts: AccessLogFacts): string {
  const request = `${facts.method} ${quoteLikeGo(redactUrl(facts.url))} ${facts.protocol}`;
  const referer = quoteLikeGo(redactUrl(facts.referer ?? ''));
  const userAgent = quoteLikeGo(facts.userAgent ?? '');
  const who = `${facts.clientIp || '-'} - ${facts.user === undefined ? '-' : quoteLikeGo(facts.user)}`;
  return `${who} [${formatTime(facts.startedAtMs)}] "${request}" ${facts.status} ${facts.bytesSent} "${referer}" "${userAgent}"`;
}

/** Text without a character that JSON or Go would escape. */
const plainAscii = /^[ !#-[\]-~]*$/;

/** Without its secrets, if JSON has it as it is; then nothing else can be hidden in it. */
function plain(text: string): string | undefined {
  return plainAscii.test(text) ? redactText(text) : undefined;
}

/** Programs are few; what calls itself something else each time is not remembered. */
const maxRemembered = 100;

/** As `plain`, remembered. */
function createPlainMemory(): typeof plain {
  const known = new Map<string, string | undefined>();
  return (text) => {
    const remembered = known.get(text);
    if (remembered !== undefined || known.has(text)) return remembered;
    const found = plain(text);
    if (known.size < maxRemembered) known.set(text, found);
    return found;
  };
}

/** For the log: the time in ISO form; all of it but the milliseconds is made once a second. */
function createIsoClock(): (atMs: number) => string {
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

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const pad = (value: number): string => String(value).padStart(2, '0');

let formattedSecond = Number.NaN;
let formatted = '';

/** `02/Jan/2006:15:04:05 -0700`; made once a second. */
function formatTime(atMs: number): string {
  const second = Math.floor(atMs / 1000);
  if (second === formattedSecond) return formatted;
  const at = new Date(atMs);
  const offset = -at.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${pad(Math.trunc(Math.abs(offset) / 60))}${pad(Math.abs(offset) % 60)}`;
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  formattedSecond = second;
  formatted = `${pad(at.getDate())}/${months[at.getMonth()]}/${at.getFullYear()}:${time} ${zone}`;
  return formatted;
}

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** gorilla's `appendQuoted`: as Go's `strconv.Quote`, without the quotes around it. */
function quoteLikeGo(value: string): string {
  if (plainAscii.test(value)) return value;
  let quoted = '';
  for (const rune of decodeBytes(value)) quoted += rune.length === 4 && rune.startsWith('\\x') ? rune : quoteRune(rune);
  return quoted;
}

function quoteRune(rune: string): string {
  const short = shortEscapes[rune];
  if (short !== undefined) return short;
  if (printable.test(rune)) return rune;
  const code = rune.codePointAt(0) ?? 0;
  if (code < 0x20) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

/**
 * Node hands header bytes over as latin1, Go reads them as UTF-8. Yields the characters, and `\xhh` for each byte that
 * is not part of one.
 */
function* decodeBytes(value: string): Generator<string> {
  const bytes = Buffer.from(value, 'latin1');
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const rune = bytes.toString('utf8', at, at + length);
    if (Buffer.byteLength(rune) === length && !rune.includes('\ufffd')) {
      yield rune;
      at += length;
    } else {
      yield `\\x${lead.toString(16).padStart(2, '0')}`;
      at += 1;
    }
  }
}

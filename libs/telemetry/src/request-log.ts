// Writes a line in the log and in the access log at the end of a request. The line of the log bypasses pino's general serialiser,
// because that would take a third of the time for a manifest in memory. The line is byte for byte the line of
// `log.info(facts, 'request ended')`.
import { pino } from 'pino';
import type { LineWriter } from './line-writer.ts';
import type { Logger } from './logger.ts';
import { redactText, redactUrl } from './redact.ts';
import type { RequestFacts } from './request-facts.ts';

export const requestEnded = 'request ended';

/** The internals of a pino logger that are used here. pino exports their symbols. */
interface PinoParts {
  readonly [pino.symbols.streamSym]: LineWriter;
  /** The fields of every line, as JSON that begins with a comma. */
  readonly [pino.symbols.chindingsSym]: string;
}

/**
 * Returns a function that logs a request at level info. `log` must be a logger of `createLogger`, or a child of such a logger.
 */
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
 * Formats a line of the combined log format, byte for byte as registry:2 prints it (gorilla/handlers, `CombinedLoggingHandler`).
 * So tools that read the access log of registry:2 can read this log. The line has no line break. Its time is the start of the
 * request, in the local time zone. Secrets in URLs are redacted.
 */
export function formatAccessLogLine(facts: AccessLogFacts): string {
  const request = `${facts.method} ${quoteLikeGo(redactUrl(facts.url))} ${facts.protocol}`;
  const referer = quoteLikeGo(redactUrl(facts.referer ?? ''));
  const userAgent = quoteLikeGo(facts.userAgent ?? '');
  const client = `${facts.clientIp || '-'} - ${facts.user === undefined ? '-' : quoteLikeGo(facts.user)}`;
  return `${client} [${formatTime(facts.startedAtMs)}] "${request}" ${facts.status} ${facts.bytesSent} "${referer}" "${userAgent}"`;
}

/** Matches text without characters that JSON or Go escapes. */
const plainAscii = /^[ !#-[\]-~]*$/;

/** Returns the redacted text, or `undefined` if JSON would escape a character of it, because an escape could hide a secret. */
function plain(text: string): string | undefined {
  return plainAscii.test(text) ? redactText(text) : undefined;
}

/**
 * The most user agents whose result is cached. Usually there are few. The limit is for a client that sends another user agent
 * with each request.
 */
const maxRemembered = 100;

/** Creates a `plain` that caches its results. */
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

/**
 * Returns a function that formats times in ISO form for the log. It formats all but the milliseconds only once per second,
 * because that is slow.
 */
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

/** Formats a time like `02/Jan/2006:15:04:05 -0700`. Within the same second, it returns the same text again. */
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

/** Quotes as gorilla's `appendQuoted` does: as Go's `strconv.Quote`, without the surrounding quotes. */
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
 * Decodes a header value as Go does: as UTF-8. Node.js has decoded its bytes as latin1. Yields the UTF-8 characters, and `\xhh`
 * for each byte that is not part of a UTF-8 character.
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

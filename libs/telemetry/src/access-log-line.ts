// Formats the lines of the access log in the combined log format, as registry:2 prints them.
import { redactUrl } from './redact.ts';
import type { RequestFacts } from './request-facts.ts';

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

/** Matches text without characters that Go escapes. */
const plainAscii = /^[ !#-[\]-~]*$/;

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

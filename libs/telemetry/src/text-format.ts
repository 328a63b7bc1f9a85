// Formats lines of the log for people: the time, the level unless it is info, the message, and the fields as `key=value`.
import { styleText } from 'node:util';
import { describedFields, describeRequest, requestEnded, type RequestLine } from './request-line.ts';

export interface TextFormat {
  /** Formats a line of pino. The result ends with a line break. Text that is not such a line is returned unchanged. */
  line(json: string): string;
  /** Formats the line of a request at level info. `time` is in ISO form. `bindings` is JSON that begins with a comma. */
  request(line: RequestLine, time: string, bindings: string): string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Creates the format. Levels have colours if standard output is a terminal. */
export function createTextFormat(): TextFormat {
  const clock = createClock();
  const levels: Readonly<Record<string, string>> = {
    info: '',
    debug: `${styleText('dim', 'DEBUG')} `,
    warn: `${styleText('yellow', 'WARN')} `,
    error: `${styleText('red', 'ERROR')} `,
    fatal: `${styleText('red', 'FATAL')} `,
  };
  const shownBindings = new Map<string, string>();

  /** The bindings of a logger are the same in each line, so that one entry is kept. */
  function showBindings(bindings: string): string {
    const known = shownBindings.get(bindings);
    if (known !== undefined) return known;
    const shown = showFields(JSON.parse(`{${bindings.slice(1)}}`) as Fields, new Set());
    shownBindings.clear();
    shownBindings.set(bindings, shown);
    return shown;
  }

  return {
    line(json) {
      const parsed = parse(json);
      if (parsed === undefined) return json;
      const { level, time, msg = '', ...fields } = parsed;
      const isRequest = msg === requestEnded && typeof fields['status'] === 'number';
      const message = isRequest ? describeRequest(fields as unknown as RequestLine) : String(msg);
      const isUrlShown = isRequest && message.startsWith(`${String(fields['url'])} `);
      const described = isUrlShown ? new Set([...describedFields, 'url']) : describedFields;
      const shown = showFields(fields, isRequest ? described : new Set());
      const { stack } = (fields['err'] ?? {}) as { readonly stack?: unknown };
      const frames = typeof stack === 'string' ? framesOf(stack) : '';
      return `${clock(time)} ${levels[level] ?? ''}${withoutControls(message)}${shown}${frames}\n`;
    },
    request(line, time, bindings) {
      const shown = hasMore(line) ? showFields(line as unknown as Fields, describedFields) : '';
      const message = withoutControls(describeRequest(line));
      return `${clock(time)} ${message}${shown}${bindings === '' ? '' : showBindings(bindings)}\n`;
    },
  };
}

interface ParsedLine extends Record<string, unknown> {
  readonly level: string;
  readonly time: string;
  readonly msg?: unknown;
}

function parse(json: string): ParsedLine | undefined {
  try {
    const { level, time, ...rest } = JSON.parse(json) as Partial<ParsedLine>;
    return typeof level === 'string' && typeof time === 'string' ? { level, time, ...rest } : undefined;
  } catch {
    return undefined;
  }
}

/** Returns true if a short line has a field that `describeRequest` does not show. */
function hasMore({ method, user, redirected, aborted, traceId, hits }: RequestLine): boolean {
  return (method ?? user ?? redirected ?? aborted ?? traceId ?? hits) !== undefined;
}

/** Returns the fields with a space before each. */
function showFields(fields: Fields, except: ReadonlySet<string>): string {
  let shown = '';
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === '' || except.has(name)) continue;
    shown += name === 'err' ? showError(value) : ` ${name}=${showValue(value)}`;
  }
  return shown;
}

/** Matches values that need no quotes. */
const plainValue = /^[!#-<>-[\]-~]+$/;

function showValue(value: unknown): string {
  if (typeof value === 'string' && plainValue.test(value)) return value;
  return JSON.stringify(value).replaceAll(/\p{Cc}/gu, '');
}

interface ShownError {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly kind?: unknown;
  readonly cause?: unknown;
}

/** Shows an error of `serializeError`: its message, its kind or code, and the messages of its causes. */
function showError(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ` err=${showValue(error)}`;
  const { message, code, kind, cause, ...rest } = error as ShownError;
  if (typeof message !== 'string') return ` err=${showValue({ message, code, kind, cause, ...rest })}`;
  const causes = causesOf(cause);
  return [
    ` err=${showValue(message)}`,
    kind === undefined ? '' : ` kind=${showValue(kind)}`,
    typeof code !== 'string' || message.includes(code) ? '' : ` code=${showValue(code)}`,
    causes === '' ? '' : ` cause=${showValue(causes)}`,
  ].join('');
}

function causesOf(cause: unknown): string {
  if (cause === undefined) return '';
  if (typeof cause !== 'object' || cause === null) return JSON.stringify(cause);
  const { message, code, cause: next } = cause as ShownError;
  const text = typeof message === 'string' && message !== '' ? message : JSON.stringify(code ?? 'unknown');
  const more = causesOf(next);
  return more === '' ? text : `${text}: ${more}`;
}

/** The stack of an unexpected error, each frame on a line of its own, without the message. */
function framesOf(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .map((line) => `\n${withoutControls(line)}`)
    .join('');
}

const controls = /\p{Cc}/u;

/** Escapes control characters, because a terminal would obey those in names that upstreams and clients send. */
function withoutControls(text: string): string {
  return controls.test(text)
    ? JSON.stringify(text)
        .slice(1, -1)
        .replaceAll(/\p{Cc}/gu, '')
    : text;
}

/**
 * Returns a function that converts a time in ISO form to the local time of day. It applies the time zone only once per second,
 * because that is slow.
 */
function createClock(): (iso: string) => string {
  let lastSecond = '';
  let shown = '';
  return (iso) => {
    const second = iso.slice(0, 19);
    if (second !== lastSecond) {
      const at = new Date(iso);
      shown = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
      lastSecond = second;
    }
    return shown;
  };
}

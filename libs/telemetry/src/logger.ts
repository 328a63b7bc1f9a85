// The program's logger: pino on stdout, as JSON or text. It redacts secrets in every line.
import { pino } from 'pino';
import { writeText, writeJson } from './line-writer.ts';
import { redactFields, redactText, redactUrl } from './redact.ts';
import { replaceInstance, serializeError } from './serialize-error.ts';

export type Logger = pino.Logger;
type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** In registry:2, `logstash` is JSON with other field names. Here it is the same as `json`. */
  readonly formatter: 'json' | 'text' | 'logstash';
  /** Fields of every line (registry:2's `log.fields`). */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Default: stdout. */
  readonly destination?: pino.DestinationStream;
}

/**
 * Writes levels by name. It redacts fields with a secret's name at any depth. Errors are written by `serializeError`, and the field
 * `url` by `redactUrl`. Every finished line passes through `redactText`.
 */
export function createLogger({ level, formatter, fields = {}, destination }: LoggerOptions): Logger {
  const output = destination ?? pino.destination({ fd: 1, sync: false });
  const logger = pino(
    {
      level,
      base: redacted(fields),
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: redacted },
      serializers: {
        err: serializeError,
        url: (url: unknown) => (typeof url === 'string' ? redactUrl(url) : url),
      },
      hooks: { streamWrite: redactText },
    },
    formatter === 'text' ? writeText(output) : writeJson(output),
  );
  // pino applies `formatters.log` to lines but not to the bindings of children, which inherit this method instead.
  const prototype = Object.getPrototypeOf(logger) as Pick<Logger, 'child'>;
  logger.child = function childWithoutSecrets<C extends string = never>(
    this: pino.Logger<C>,
    bindings: pino.Bindings,
    options?: pino.ChildLoggerOptions<C>,
  ) {
    return prototype.child.call(this, redacted(bindings), options) as pino.Logger<C>;
  };
  return logger;
}

function redacted(fields: object): Record<string, unknown> {
  return redactFields({ ...fields }, replaceInstance) as Record<string, unknown>;
}

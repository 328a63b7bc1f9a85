// The logger of the program. It writes to stdout with pino, as JSON or text, and redacts secrets in every line.
import { pino } from 'pino';
import { writeText, writeJson } from './line-writer.ts';
import { createOutages, type LogWithOutages } from './create-outages.ts';
import { redactFields, redactText, redactUrl } from './redact.ts';
import { replaceInstance, serializeError } from './serialize-error.ts';

export type Logger = pino.Logger & LogWithOutages;
type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `logstash` is the same as `json`. In registry:2 it is JSON with other field names. */
  readonly formatter: 'json' | 'text' | 'logstash';
  /** Fields of every line (registry:2's `log.fields`). */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Default: stdout. */
  readonly destination?: pino.DestinationStream;
}

/**
 * Creates a logger that writes the names of levels. It redacts every field whose name is that of a secret, at any depth. Errors
 * are written by `serializeError`, and the field `url` by `redactUrl`. Every finished line also passes through `redactText`.
 * While an outage is under way, warnings and errors that it explains are only counted in its lines. They are written at `debug`.
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
      hooks: {
        streamWrite: redactText,
        logMethod(args, method, severity) {
          const isProblem = severity === pino.levels.values['warn'] || severity === pino.levels.values['error'];
          if (isProblem && (this as Logger).outages?.countExplained(args[0]) === true) this.debug(...args);
          else method.apply(this, args);
        },
      },
    },
    formatter === 'text' ? writeText(output) : writeJson(output),
  );
  // pino applies `formatters.log` to the fields of lines, but not to the bindings of child loggers. Child loggers inherit this
  // method, which redacts their bindings.
  const prototype = Object.getPrototypeOf(logger) as Pick<Logger, 'child'>;
  logger.child = function childWithoutSecrets<C extends string = never>(
    this: pino.Logger<C>,
    bindings: pino.Bindings,
    options?: pino.ChildLoggerOptions<C>,
  ) {
    return prototype.child.call(this, redacted(bindings), options) as pino.Logger<C>;
  };
  return Object.assign(logger, { outages: createOutages() });
}

function redacted(fields: object): Record<string, unknown> {
  return redactFields({ ...fields }, replaceInstance) as Record<string, unknown>;
}

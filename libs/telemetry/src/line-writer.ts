// Where a logger's lines go, as JSON or, as pino-pretty writes them, as lines for people. Most lines are plain and one a request:
// their fields are in the JSON as they are to be shown, so nothing has to be parsed for them, which costs a quarter.
import type { DestinationStream } from 'pino';
import { prettyFactory } from 'pino-pretty';

/** A line in pieces, which need not be parsed to be written otherwise. */
interface LineParts {
  readonly level: string;
  /** In ISO form. */
  readonly time: string;
  /** As JSON, without the braces around it. */
  readonly fields: string;
  readonly message: string;
}

export interface LineWriter extends DestinationStream {
  /** A whole line of JSON with its break, as pino makes them. */
  write(line: string): void;
  writeParts(parts: LineParts): void;
}

export function writeJson(output: DestinationStream): LineWriter {
  return {
    write: (line) => output.write(line),
    writeParts: (parts) => output.write(jsonOf(parts)),
  };
}

// Line by line and in step, so that the last words before an exit are not lost in a pipeline.
export function writeForPeople(output: DestinationStream): LineWriter {
  const { formatLine, formatParts } = createFormatForPeople();
  return {
    write: (line) => output.write(formatLine(line)),
    writeParts: (parts) => output.write(formatParts(parts) ?? formatLine(jsonOf(parts))),
  };
}

function jsonOf({ level, time, fields, message }: LineParts): string {
  return `{"level":"${level}","time":"${time}",${fields}${fields === '' ? '' : ','}"msg":"${message}"}\n`;
}

// As the logger writes them. An escape may hide anything, and these fields are not shown where they stand.
const plainLine = /^\{"level":"(\w+)","time":"([\d:TZ.-]{24})",?(.*)"msg":"([^"\\]*)"\}\n$/;
const shownElsewhere = /\\|"(?:err|error|pid|hostname|name|caller|timestamp|time|level|msg|type)":/;

interface FormatForPeople {
  /** Takes what pino has written, and gives the line with its break. */
  formatLine(line: string): string;
  /** The same line as of all parts together; `undefined`: it is to be had by way of JSON only. */
  formatParts(parts: LineParts): string | undefined;
}

export function createFormatForPeople(): FormatForPeople {
  const pretty = prettyFactory({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true });
  const clock = createClock();
  // On a terminal it writes in colours.
  if ((pretty('{"level":"info","time":0,"msg":""}\n') ?? '').includes('\u001B'))
    return { formatLine: (line) => pretty(line) ?? line, formatParts: () => undefined };

  function formatParts({ level, time, fields, message }: LineParts): string | undefined {
    if (shownElsewhere.test(fields)) return undefined;
    return `[${clock(time)}] ${level.toUpperCase()}: ${message}${fields === '' ? '' : ` {${fields}}`}\n`;
  }

  return {
    formatParts,
    formatLine(line) {
      const [, level, time, fields, message] = plainLine.exec(line) ?? [];
      if (level === undefined || time === undefined || fields === undefined || message === undefined)
        return pretty(line) ?? line;
      return formatParts({ level, time, fields: fields.slice(0, -1), message }) ?? pretty(line) ?? line;
    },
  };
}

/** The local time of day for a time in ISO form; the zone is looked up once a second. */
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
    return `${shown}${iso.slice(19, 23)}`;
  };
}

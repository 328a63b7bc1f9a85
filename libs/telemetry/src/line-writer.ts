// Where a logger's lines go, as JSON or as lines for people.
import type { DestinationStream } from 'pino';
import { createFormatForPeople } from './format-for-people.ts';

/** A line in pieces, which need not be parsed to be written otherwise. */
export interface LineParts {
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

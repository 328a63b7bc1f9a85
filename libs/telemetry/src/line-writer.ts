// Writes the lines of a logger as JSON or as text.
import type { DestinationStream } from 'pino';
import { createTextFormat } from './text-format.ts';
import { requestEnded, type RequestLine } from './request-line.ts';

interface LineContext {
  /** In ISO form. */
  readonly time: string;
  /** The fields of every line, as JSON that begins with a comma, or an empty string. */
  readonly bindings: string;
}

export interface LineWriter extends DestinationStream {
  /** Writes a whole line of JSON with its line break, as pino produces it. */
  write(line: string): void;
  /** Writes the line of a request at level info. No field may contain a secret. */
  writeRequest(line: RequestLine, context: LineContext): void;
}

export function writeJson(output: DestinationStream): LineWriter {
  return {
    write: (line) => output.write(line),
    writeRequest: (line, { time, bindings }) =>
      output.write(
        `{"level":"info","time":"${time}"${bindings},${JSON.stringify(line).slice(1, -1)},"msg":"${requestEnded}"}\n`,
      ),
  };
}

export function writeText(output: DestinationStream): LineWriter {
  const format = createTextFormat();
  return {
    write: (line) => output.write(format.line(line)),
    writeRequest: (line, { time, bindings }) => output.write(format.request(line, time, bindings)),
  };
}

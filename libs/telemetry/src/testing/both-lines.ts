// Writes the line of a request with pino and with the request log, so that tests can compare both lines.
import assert from 'node:assert/strict';
import { createLogger, type LoggerOptions } from '../logger.ts';
import type { RequestFacts } from '../request-facts.ts';
import { createRequestLog, requestEnded } from '../request-log.ts';

const timeIn = /"time":"[\d:TZ.-]+"|^\[[\d:.]+\]/;

/** Returns the line of pino's serialiser and the line of the request log, both without their times. */
export function bothLines(facts: RequestFacts, options: Partial<LoggerOptions> = {}): string[] {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLogger({ level: 'info', formatter: 'json', ...options, destination });
  log.info(facts, requestEnded);
  createRequestLog(log)(facts);
  for (const line of lines) assert.match(line, timeIn);
  return lines.map((line) => line.replace(timeIn, 'then'));
}

import type { z } from 'zod';
import { choice, flag, mapOf, section, text } from '../values/values.ts';

const levels = ['error', 'warn', 'info', 'debug'] as const;
const formatters = ['text', 'json', 'logstash'] as const;

export const logSection = section('The log on standard output.', {
  level: choice({ text: 'The lowest level of logged lines.', default: '`info`' }, levels).optional(),
  formatter: choice(
    '`text` is for people. `json` is one object per line, for programs and busy servers. `logstash` means `json`.',
    formatters,
  ).prefault('text'),
  fields: mapOf('Fields of every line, for example `service: registry`.', text('Any text.')).prefault({}),
  accesslog: section('One line per request in the combined log format.', {
    disabled: flag('Disables the access log.').prefault('false'),
  }),
});

export const loglevel = choice('The old name of `log.level`. If both are set, `log.level` applies.', levels).optional();

export type LogConfig = Readonly<ReturnType<typeof buildLog>>;

export function buildLog(log: z.output<typeof logSection>, oldLevel: z.output<typeof loglevel>) {
  return {
    level: log.level ?? oldLevel ?? 'info',
    formatter: log.formatter,
    fields: log.fields,
    accessLogEnabled: !log.accesslog.disabled,
  };
}

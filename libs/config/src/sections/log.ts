import type { z } from 'zod';
import { choice, flag, mapOf, percentageOrAll, section, text } from '../values/values.ts';

const levels = ['error', 'warn', 'info', 'debug'] as const;
const formatters = ['text', 'json', 'logstash'] as const;

export const logSection = section('The log on standard output.', {
  level: choice({ text: 'The lowest level of logged lines.', default: '`info`' }, levels).optional(),
  formatter: choice(
    '`text` is one short line per request, for people. `json` is one object per line, for programs. `logstash` means `json`.',
    formatters,
  ).prefault('text'),
  fields: mapOf('Fields of every line, for example `service: registry`.', text('Any text.')).prefault({}),
  hits: percentageOrAll(
    'Which hits are logged: `all`, `none`, or a percentage such as `1%`. Each sampled line has the percentage. Other requests are always logged.',
  ).prefault('all'),
  accesslog: section('The combined log format, as registry:2 writes it, for tools that read access logs.', {
    disabled: flag(
      '`false` writes each request in the combined log format instead of `log.formatter`. A request that is logged as `warn` or `error` has both lines.',
    ).prefault('true'),
  }),
});

export const loglevel = choice('The old name of `log.level`. If both are set, `log.level` applies.', levels).optional();

export type LogConfig = Readonly<ReturnType<typeof buildLog>>;

export function buildLog(log: z.output<typeof logSection>, oldLevel: z.output<typeof loglevel>) {
  return {
    level: log.level ?? oldLevel ?? 'info',
    formatter: log.formatter,
    fields: log.fields,
    loggedHitsPercent: log.hits,
    accessLogEnabled: !log.accesslog.disabled,
  };
}

// The options of `npm run alerts`.
import { parseArgs } from 'node:util';
import { composeVariables, type RuleVariables } from './alert.ts';

export interface RuleOptions {
  readonly variables: RuleVariables;
  /** Whether the output is a PrometheusRule for Kubernetes. */
  readonly asResource: boolean;
}

/** The defaults are the values for docker-compose.yml. Throws if an option is unknown or invalid. */
export function parseOptions(args: readonly string[]): RuleOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      job: { type: 'string', default: composeVariables.job },
      'haproxy-job': { type: 'string', default: composeVariables.haproxyJob },
      's3-job': { type: 'string', default: composeVariables.s3Job },
      'runbook-url': { type: 'string', default: composeVariables.runbookUrl },
      'console-url': { type: 'string', default: composeVariables.consoleUrl },
      'prometheus-rule': { type: 'boolean', default: false },
    },
  });
  const consoleUrl = values['console-url'];
  return {
    variables: {
      job: parseJob('job', values.job),
      haproxyJob: parseJob('haproxy-job', values['haproxy-job']),
      s3Job: parseJob('s3-job', values['s3-job']),
      runbookUrl: values['runbook-url'],
      consoleUrl: consoleUrl.endsWith('/') ? consoleUrl : `${consoleUrl}/`,
    },
    asResource: values['prometheus-rule'],
  };
}

function parseJob(option: string, value: string): string {
  if (/["\\\s]/.test(value))
    throw new Error(`--${option} is ${value}. Write job names separated by |, without quotes, spaces and backslashes.`);
  return value;
}

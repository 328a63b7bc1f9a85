// Libraries that most configurations have no use for: what is needed of them is needed at once, so they are not imported
// (decision 0044).
import { createRequire } from 'node:module';
import type * as CronParser from 'cron-parser';
import type * as Yaml from 'yaml';

const require = createRequire(import.meta.url);

export const loadYaml = (): typeof Yaml => require('yaml');
export const loadCronParser = (): typeof CronParser => require('cron-parser');

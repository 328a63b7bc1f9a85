// Libraries that most configurations have no use for: what is needed of them is needed at once, so they are not imported.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const loadYaml = (): typeof import('yaml') => require('yaml');
export const loadCronParser = (): typeof import('cron-parser') => require('cron-parser');

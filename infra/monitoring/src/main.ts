// `npm run alerts`: prints the rules with the values of the options.
import { describeRules } from './alerts/describe-rules.ts';
import { parseOptions } from './alerts/parse-options.ts';

try {
  const { variables, ...output } = parseOptions(process.argv.slice(2));
  process.stdout.write(describeRules(variables, output));
} catch (error) {
  process.stderr.write(`alerts: ${(error as Error).message}\n`);
  process.exitCode = 2;
}

// Prints the result of a command as text for people or, with `--json`, as one JSON document for programs.
import type { Command } from 'commander';
import { CommandError } from './command-error.ts';
import type { Terminal } from './terminal.ts';

export interface JsonOptions {
  readonly json?: true | undefined;
}

/** Adds `--json`. The action prints its result with `printAnswer` or `printEach`, and everything else to standard error. */
export function addJson(command: Command): Command {
  return command.option('--json', 'print the result as one JSON document');
}

/** Prints a result as one line of JSON, or as the text that `describe` returns. */
export function printAnswer<Answer>(
  { stdout }: Pick<Terminal, 'stdout'>,
  { json }: JsonOptions,
  answer: Answer,
  describe: (answer: Answer) => string,
): void {
  stdout.write(json === true ? `${JSON.stringify(answer)}\n` : describe(answer));
}

/**
 * Runs `act` for each target, one after the other, and continues after a `CommandError`. Prints what `describe` returns
 * for each result. With `--json`, prints `{ results }`: the target with its result, or with `error`. Rejects with a
 * `CommandError` that lists all failures.
 */
export async function printEach<Target extends string, Result extends object>(
  terminal: Pick<Terminal, 'stdout'>,
  options: JsonOptions,
  targets: readonly Target[],
  { act, describe }: { act(target: Target): Promise<Result>; describe(result: Result, target: Target): string },
): Promise<void> {
  const results: object[] = [];
  const failures: string[] = [];
  for (const target of targets)
    try {
      const result = await act(target);
      results.push({ target, ...result });
      if (options.json !== true) terminal.stdout.write(describe(result, target));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      results.push({ target, error: { message: error.message } });
      failures.push(`${target}: ${error.message}`);
    }
  if (options.json === true) terminal.stdout.write(`${JSON.stringify({ results })}\n`);
  if (failures.length > 0) throw new CommandError(failures.join('\ncistern: '));
}

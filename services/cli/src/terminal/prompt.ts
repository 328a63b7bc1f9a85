// Asks the user on a terminal: for a text, a password or a confirmation. Questions are on standard error, because
// standard output is for the result.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CommandError } from './command-error.ts';
import type { Terminal } from './terminal.ts';

type Asking = Pick<Terminal, 'stdin' | 'stderr'>;

/** Resolves to a line without spaces around it. Rejects with `CommandError` at Ctrl-C. Standard input is a terminal. */
export async function readLine(terminal: Asking, question: string): Promise<string> {
  return withTerminal(terminal, async (ask) => (await ask(question, true)).trim());
}

/**
 * On a terminal, reads a password without echo, and a new password twice. Otherwise, reads the first line of standard
 * input. Rejects with `CommandError` if the two passwords differ or the user presses Ctrl-C.
 */
export async function readPassword(terminal: Asking, { isNew }: { readonly isNew: boolean }): Promise<string> {
  if (terminal.stdin.isTTY !== true) return (await text(terminal.stdin)).split(/\r?\n/, 1)[0] ?? '';
  return withTerminal(terminal, async (ask) => {
    const password = await ask('Password: ', false);
    if (isNew && password !== (await ask('Repeat password: ', false)))
      throw new CommandError('The two passwords differ. Nothing was changed.');
    return password;
  });
}

interface Confirmation {
  /** True if the user has already confirmed by an option. */
  readonly yes: boolean | undefined;
  /** Resolves to the consequences, as a sentence. It is called only if the user is asked. */
  describe(): Promise<string>;
}

/** Resolves if the user confirms. Rejects with `CommandError` if not, or without a terminal and without `yes`. */
export async function confirm(terminal: Asking, { yes, describe }: Confirmation): Promise<void> {
  if (yes === true) return;
  if (terminal.stdin.isTTY !== true)
    throw new CommandError(
      'This needs a confirmation, and standard input is not a terminal. Pass --yes, or see the consequences with --dry-run.',
    );
  const answer = await readLine(terminal, `${await describe()} Continue? [y/N] `);
  if (!/^y(?:es)?$/i.test(answer)) throw new CommandError('Nothing was changed.');
}

type Ask = (question: string, isShown: boolean) => Promise<string>;

async function withTerminal<T>({ stdin, stderr }: Asking, action: (ask: Ask) => Promise<T>): Promise<T> {
  let isShown = true;
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (isShown) stderr.write(chunk.toString());
      done();
    },
  });
  const lines = createInterface({ input: stdin, output: echo, terminal: true });
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => {});
  lines.once('SIGINT', () => gone.reject(new CommandError('Nothing was changed.')));
  lines.once('close', () => gone.reject(new CommandError('Nothing was changed.')));
  try {
    return await action(async (question, isAnswerShown) => {
      isShown = false;
      stderr.write(question);
      isShown = isAnswerShown;
      const answer = await Promise.race([lines.question(''), gone.promise]);
      if (!isAnswerShown) stderr.write('\n');
      return answer;
    });
  } finally {
    lines.close();
  }
}

// A password from a person, who does not see it, or from whatever is piped in.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { CommandError } from './command-error.ts';
import type { Terminal } from './terminal.ts';

/** Asked twice on a terminal; else the first line of standard input. Throws `CommandError` if the two differ. */
export async function readPassword({ stdin, stderr }: Pick<Terminal, 'stdin' | 'stderr'>): Promise<string> {
  if (stdin.isTTY !== true) return (await text(stdin)).split(/\r?\n/, 1)[0] ?? '';
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silence, terminal: true });
  const ask = async (question: string) => {
    stderr.write(question);
    const answer = await lines.question('');
    stderr.write('\n');
    return answer;
  };
  const gone = Promise.withResolvers<never>();
  lines.once('SIGINT', () => gone.reject(new CommandError('Nothing was changed.')));
  try {
    const password = await Promise.race([ask('Password: '), gone.promise]);
    if (password !== (await Promise.race([ask('Once more: '), gone.promise])))
      throw new CommandError('The two passwords differ: nothing was changed.');
    return password;
  } finally {
    lines.close();
  }
}

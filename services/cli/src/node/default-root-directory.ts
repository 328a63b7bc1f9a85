// Where data goes when nobody says where: a directory of the person's own, so that trying Cistern needs no rights.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The XDG base directory specification's data directory for Cistern. */
export function defaultRootDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const dataHome = env['XDG_DATA_HOME'];
  if (dataHome !== undefined && isAbsolute(dataHome)) return join(dataHome, 'cistern');
  return join(homedir(), '.local', 'share', 'cistern');
}

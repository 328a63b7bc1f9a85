import type { z } from 'zod';
import { filePath, openSection, section, text } from '../values/values.ts';
import { type OptionalListener, readListener, type SectionContext } from './context.ts';

export const adminSection = section(
  'The admin server, of `cistern admin` and of a single process: the console for operators at `/console/`, and its API.',
  {
    addr: text({
      text: 'Where it listens: `host:port` or `:port`; `""` for nowhere. A default address that is taken does not stop a single process.',
      default: '`127.0.0.1:5003`, for this machine alone; with `redis`, for the nodes of a cluster, `:5003`',
    }).optional(),
    htpasswd: openSection(
      {
        text: 'Operators, with passwords that the file holds hashed by bcrypt. `cistern user add` makes it.',
        default: "in a cluster only who has its secret gets in; in a single process this machine's users may look",
      },
      { path: filePath('The file. It is read again when it changes.') },
    ).optional(),
  },
);

export interface AdminConfig extends OptionalListener {
  /** `undefined`: no operator has a password. */
  readonly htpasswd: { readonly path: string } | undefined;
}

export function buildAdmin(
  { addr, htpasswd }: z.output<typeof adminSection>,
  isCluster: boolean,
  context: SectionContext,
): AdminConfig {
  return { ...readListener(context, 'admin.addr', addr, isCluster ? ':5003' : '127.0.0.1:5003'), htpasswd };
}

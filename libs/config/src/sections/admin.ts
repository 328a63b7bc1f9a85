import type { z } from 'zod';
import { filePath, openSection, section, text } from '../values/values.ts';
import { type OptionalListener, readListener, type SectionContext } from './context.ts';

export const adminSection = section(
  'The admin server of `cistern admin` and of a single process. It serves the console for operators at `/console/`, and the admin API.',
  {
    addr: text({
      text: 'The address to listen on: `host:port` or `:port`. `""` disables the listener. A single process starts without it if the default address is in use.',
      default: '`127.0.0.1:5003`, only for this machine; with `redis` `:5003`, for the nodes of a cluster',
    }).optional(),
    htpasswd: openSection(
      {
        text: 'Operators with passwords, in a file with bcrypt hashes. `cistern user add` creates it.',
        default:
          "in a cluster only holders of the cluster's secret have access; in a single process users of this machine have read access",
      },
      { path: filePath('The file. It is read again when it changes. It may be created later.') },
    ).optional(),
  },
);

export interface AdminConfig extends OptionalListener {
  /** `undefined` means that no operator has a password. */
  readonly htpasswd: { readonly path: string } | undefined;
}

export function buildAdmin(
  { addr, htpasswd }: z.output<typeof adminSection>,
  isCluster: boolean,
  context: SectionContext,
): AdminConfig {
  return { ...readListener(context, 'admin.addr', addr, isCluster ? ':5003' : '127.0.0.1:5003'), htpasswd };
}

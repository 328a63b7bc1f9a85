// registry:2's single upstream.
import type { z } from 'zod';
import { duration, openSection, program, registryUrl, secret, section, text } from '../values/values.ts';
import { builtInUpstreams, dockerHub, upstreamNameOf } from './built-in-upstreams.ts';
import type { CredentialConfig } from './upstream-credentials.ts';
import { defaultUpstreamEntry, type UpstreamEntry } from './upstreams.ts';

export const proxySection = section(
  'The single upstream of a registry:2 configuration: the default upstream, named after its host; Docker Hub is `docker.io`. Without `upstreams` an `ns` that is not its name is ignored, as registry:2 does.',
  {
    remoteurl: registryUrl('Where the registry is.').optional(),
    username: text('The account to pull with.').optional(),
    password: secret('Its password or token.').optional(),
    exec: openSection('A credential helper in place of a user name and a password, as in registry 3.x.', {
      command: program('The program, by its name or path. It is run with the argument `get`.'),
      lifetime: duration({
        text: 'How long its answer is good for; `0s`: it is run whenever credentials are needed.',
        default: 'five minutes, or until it is refused',
      }).optional(),
    }).optional(),
  },
);

/** The entry that the section stands for; `undefined`: no upstream is named. */
export function proxyEntry(
  proxy: z.output<typeof proxySection>,
): { readonly name: string; readonly entry: UpstreamEntry; readonly helper: CredentialConfig | undefined } | undefined {
  if (proxy.remoteurl === undefined) return undefined;
  const { host } = new URL(proxy.remoteurl);
  const name = upstreamNameOf(host);
  // Only registry-1.docker.io serves images; the other names of Docker Hub are often written instead.
  const hub = name === dockerHub && host !== 'registry-1.docker.io' ? builtInUpstreams[dockerHub]?.url : undefined;
  const { exec } = proxy;
  return {
    name,
    helper: exec && {
      kind: 'helper',
      name: 'exec',
      alternate: undefined,
      program: exec.command,
      keepMs: exec.lifetime,
    },
    entry: defaultUpstreamEntry({
      url: hub ?? proxy.remoteurl,
      default: true,
      // The helper's word counts, as it does there.
      ...(exec === undefined && { username: proxy.username, password: proxy.password }),
    }),
  };
}

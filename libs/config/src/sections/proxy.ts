// registry:2's single upstream.
import type { z } from 'zod';
import { registryUrl, secret, section, text } from '../values.ts';
import { builtInUpstreams, dockerHub, upstreamNameOf } from './built-in-upstreams.ts';
import { defaultUpstreamEntry, type UpstreamEntry } from './upstreams.ts';

export const proxySection = section(
  'The single upstream of a registry:2 configuration: the default upstream, named after its host; Docker Hub is `docker.io`.',
  {
    remoteurl: registryUrl('Where the registry is.').optional(),
    username: text('The account to pull with.').optional(),
    password: secret('Its password or token.').optional(),
  },
);

/** The entry that the section stands for; `undefined`: no upstream is named. */
export function proxyEntry(
  proxy: z.output<typeof proxySection>,
): { readonly name: string; readonly entry: UpstreamEntry } | undefined {
  if (proxy.remoteurl === undefined) return undefined;
  const { host } = new URL(proxy.remoteurl);
  const name = upstreamNameOf(host);
  // Only registry-1.docker.io serves images; the other names of Docker Hub are often written instead.
  const hub = name === dockerHub && host !== 'registry-1.docker.io' ? builtInUpstreams[dockerHub]?.url : undefined;
  return {
    name,
    entry: defaultUpstreamEntry({
      url: hub ?? proxy.remoteurl,
      default: true,
      ...(proxy.username !== undefined && { username: proxy.username }),
      ...(proxy.password !== undefined && { password: proxy.password }),
    }),
  };
}

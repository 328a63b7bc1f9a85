import type { ResolvedImage } from './resolve-image.ts';

/** The reverse of `resolveImage`, in full: what every tool takes for the image's name where the upstream is called by its host. */
export function fullNameOf({ upstream, repository, reference }: ResolvedImage): string {
  const name = `${upstream}/${repository}`;
  return reference.kind === 'tag' ? `${name}:${reference.tag}` : `${name}@${reference.digest}`;
}

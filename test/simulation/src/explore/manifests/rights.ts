// The rights of the users, in two forms: as rules of the cache's configuration, and as names that judge its responses.

export const users = ['ada', 'ben', 'eve', 'mallory'] as const;

export type User = (typeof users)[number];

export const names = {
  app: 'docker.io/library/app',
  base: 'docker.io/library/base',
  evil: 'docker.io/evil/app',
  /** A repository of the same name at another upstream, with other rights. */
  otherApp: 'second.example/library/app',
  secret: 'private.example/team/secret',
} as const;

const pulls: Readonly<Record<User, readonly string[]>> = {
  ada: Object.values(names),
  ben: [names.app, names.base, names.secret],
  eve: [names.base, names.evil, names.otherApp],
  mallory: [],
};

/** A rule about a tag does not apply to requests by digest, so a client that knows the digest can pull the image. */
const deniedTag = { user: 'ben', name: names.base, tag: 'v1' };

/** Reports whether the user may pull. `name` contains upstream and repository. `tag` is set for a request by tag. */
export function mayPull(user: User, name: string, tag?: string): boolean {
  const isDenied = user === deniedTag.user && name === deniedTag.name && tag === deniedTag.tag;
  return pulls[user].includes(name) && !isDenied;
}

/** Returns the same rights as rules of the cache. `of` returns the part of a rule that names a user. */
export function accessRules(of: (user: User) => string): string {
  return `
access:
  default: deny
  rules:
    - { action: allow, images: ['**'], ${of('ada')} }
    - { action: deny, images: ['second.*', '*/base:v*'], ${of('ben')}, reason: not for ben }
    - { action: allow, images: ['*/library/*', 'private.example/**'], ${of('ben')} }
    - { action: deny, images: ['docker.io/library/app'], ${of('eve')} }
    - { action: allow, images: ['docker.io/library/*', '*/library/app', 'docker.io/evil/*'], ${of('eve')} }
`;
}

// `docker.io/library/*:v*`: globs of an image's name and, behind the last colon of the last component, of its tag.

export interface ImagePattern {
  /** Of `<upstream>/<repository>`; `*` passes no slash. */
  readonly name: string;
  /** `undefined`: of any tag, and of what has none. */
  readonly tag: string | undefined;
}

export function parseImagePattern(pattern: string): ImagePattern {
  const colon = pattern.indexOf(':', pattern.lastIndexOf('/') + 1);
  if (colon === -1) return { name: pattern, tag: undefined };
  return { name: pattern.slice(0, colon), tag: pattern.slice(colon + 1) };
}

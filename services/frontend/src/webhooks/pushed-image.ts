// What a webhook's body says, as all providers' readers give it back: nothing in it has been checked but its form.

export interface PushedImage {
  /** As the provider names it. */
  readonly repository: string;
  readonly tag: string;
}

/** The images that a body tells of; what it tells besides is left out. `undefined`: it is of another form. */
export type ReadPushed = (body: unknown) => readonly PushedImage[] | undefined;

/** The value at a path of keys; `undefined` where there is none. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[key];
  }
  return at;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

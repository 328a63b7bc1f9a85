// Repository names, as in the OCI distribution specification, "Pulling manifests".
import { OciSyntaxError } from './syntax-error.ts';

/** A valid repository name of at most 255 characters, for example `library/nginx`; made only by `parseRepositoryName`. */
export type RepositoryName = string & { readonly __brand: 'RepositoryName' };

/** The grammar of one path component, to be built into a pattern. */
export const nameComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const namePattern = new RegExp(`^${nameComponent}(?:/${nameComponent})*$`);
const maxLength = 255;

/** Throws `OciSyntaxError` NAME_INVALID. */
export function parseRepositoryName(value: string): RepositoryName {
  if (value.length > maxLength)
    throw new OciSyntaxError('NAME_INVALID', `repository name is longer than ${maxLength} characters`);
  if (!namePattern.test(value))
    throw new OciSyntaxError(
      'NAME_INVALID',
      `"${value}" is not a valid repository name: lower-case path components only`,
    );
  return value as RepositoryName;
}

// Values that several schemas of the admin API share. The schemas define the results of operations, the responses of the API, and
// its description. Times are milliseconds since 1970, sizes are bytes, and null means that a value is unknown.
import { z } from 'zod';

/** The type of the values that a schema describes, deeply read-only. */
export type Described<Schema extends z.ZodType> = DeepReadonly<z.infer<Schema>>;
type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

export const count = z.int().min(0);
export const bytes = count.describe('Bytes.');

export function time(moment: string) {
  return z.int().describe(`${moment}, in milliseconds since 1970.`);
}

export const imageName = z.string().min(1).max(512).describe('For example nginx:1.27 or quay.io/org/app@sha256:….');

/** The error in the last line of a stream that failed. */
export const failure = z.object({ message: z.string() });

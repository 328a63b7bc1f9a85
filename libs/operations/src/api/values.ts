// Values that several shapes of the admin API have in common. Its schemas are the one source of what operations return, of what
// the API answers, and of its description. Times are milliseconds since 1970, sizes are bytes; null is an unknown value.
import { z } from 'zod';

/** The value that a schema describes. */
export type Described<Schema extends z.ZodType> = DeepReadonly<z.infer<Schema>>;
type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T;

export const count = z.int().min(0);
export const bytes = count.describe('Bytes.');

export function time(moment: string) {
  return z.int().describe(`${moment}, in milliseconds since 1970.`);
}

export const imageName = z.string().min(1).max(512).describe('For example nginx:1.27 or quay.io/org/app@sha256:….');

/** The last line of a stream that failed. */
export const failure = z.object({ message: z.string() });

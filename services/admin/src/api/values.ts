// Values that several shapes of the API have in common.
import { z } from 'zod';

export const count = z.int().min(0);
export const bytes = count.describe('Bytes.');

export function time(moment: string) {
  return z.int().describe(`${moment}, in milliseconds since 1970.`);
}

export const imageName = z.string().min(1).max(512).describe('For example nginx:1.27 or quay.io/org/app@sha256:….');

/** The last line of a stream that failed. */
export const failure = z.object({ message: z.string() });

// What the reference page says of each key, kept beside its schema.
import { z } from 'zod';

export interface KeyDoc {
  readonly type: string;
  readonly description: string;
  /** Where the default is no constant. */
  readonly defaultText?: string;
}

export const keyDocs = z.registry<KeyDoc>();

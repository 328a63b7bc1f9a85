// What is written down for those who ask later.
import type { z } from 'zod';
import { filePath, section } from '../values/values.ts';

export const auditSection = section(
  'Who was turned away and why, who was given a token, what operators asked for, and each minute what each client has had: a line of JSON each.',
  {
    path: filePath({
      text: 'The file, which is made if need be, appended to, and opened again when it has been moved away.',
      default: 'nothing is written',
    }).optional(),
  },
);

export interface AuditConfig {
  /** `undefined`: nothing is written. */
  readonly path: string | undefined;
}

export function buildAudit({ path }: z.output<typeof auditSection>): AuditConfig {
  return { path };
}

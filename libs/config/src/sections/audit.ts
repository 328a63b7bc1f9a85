// What is written down for those who ask later.
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

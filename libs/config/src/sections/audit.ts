// The section `audit`: the audit log.
import { filePath, section } from '../values/values.ts';

export const auditSection = section(
  'The audit log, with one JSON object per line. It records rejected requests with the reason, issued tokens, actions of operators, and the traffic of each client per minute.',
  {
    path: filePath({
      text: 'The file. It is created if missing, appended to, and opened again after it was moved.',
      default: 'no audit log',
    }).optional(),
  },
);

// Reads the checkpoint in the record of a fill, for the checks of a run. A read needs no key.
import type { FillRecord } from '@cistern/index';

export interface RecordedCheckpoint {
  readonly uploadId: string;
  readonly sideBytes: number;
}

export function recordedCheckpoint(record: FillRecord | undefined): RecordedCheckpoint | undefined {
  const sealed = record?.checkpoint;
  return sealed === undefined ? undefined : (JSON.parse(sealed.slice(sealed.indexOf('.') + 1)) as RecordedCheckpoint);
}

export function isLive(record: FillRecord | undefined): record is FillRecord {
  return record !== undefined && record.state !== 'done' && record.state !== 'failed';
}

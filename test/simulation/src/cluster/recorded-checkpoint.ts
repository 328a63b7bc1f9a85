// Reads the checkpoint in the record of a fill, for the checks of a run. A read needs no key.
import type { FillRecord } from '@cistern/index';

export interface RecordedCheckpoint {
  readonly uploadId: string;
  readonly sideBytes: number;
}

export function recordedCheckpoint(record: FillRecord | undefined): RecordedCheckpoint | undefined {
  const signed = record?.checkpoint;
  return signed === undefined ? undefined : (JSON.parse(signed.slice(signed.indexOf('.') + 1)) as RecordedCheckpoint);
}

export function isLive(record: FillRecord | undefined): record is FillRecord {
  return record !== undefined && record.state !== 'done' && record.state !== 'failed';
}

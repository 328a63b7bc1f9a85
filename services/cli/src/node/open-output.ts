// Opens the output of a log. An output that cannot be written, because its disk is full or its terminal has closed, must neither
// end the process nor delay its end.
import sonicBoom, { type SonicBoom, type SonicBoomOpts } from 'sonic-boom';

/** Lines wait up to this size while the output cannot be written. The output emits `drop` for each further write. */
const maxWaitingBytes = 16 * 1024 * 1024;
/** How often an exiting process tries to write to a full pipe. The tries are 100 ms apart. */
const maxTriesAtExit = 20;

/**
 * Opens a file or a descriptor. The caller listens to `error`: after an error, the next write tries again. The waiting lines
 * are written when the process exits, if that is possible. `end` closes the file.
 */
export function openOutput(options: Pick<SonicBoomOpts, 'dest' | 'append' | 'mkdir' | 'contentMode'>): SonicBoom {
  let triesLeft = Infinity;
  const retryEAGAIN = () => (triesLeft -= 1) > 0;
  const output = new sonicBoom.SonicBoom({ ...options, sync: false, maxLength: maxWaitingBytes, retryEAGAIN });
  const flush = () => {
    triesLeft = maxTriesAtExit;
    try {
      output.flushSync();
    } catch {
      // The lines are lost, and there is no place to report it.
    }
  };
  process.once('exit', flush);
  output.once('close', () => process.off('exit', flush));
  return output;
}

export interface OutputFailures {
  /** Called once for each outage of the output. */
  readonly onError: (error: Error) => void;
  /** Called after an outage with the number of bytes that could not be kept. */
  readonly onLost: (bytes: number) => void;
}

/** Reports that an output cannot be written, once for each outage, and after it that lines were lost. */
export function reportFailures(output: SonicBoom, { onError, onLost }: OutputFailures): void {
  let isFailing = false;
  let lostBytes = 0;
  output.on('error', (error: Error) => {
    if (isFailing) return;
    isFailing = true;
    onError(error);
  });
  output.on('drop', ({ length }: Buffer | string) => (lostBytes += length));
  output.on('write', () => {
    isFailing = false;
    if (lostBytes === 0) return;
    const bytes = lostBytes;
    lostBytes = 0;
    onLost(bytes);
  });
}
